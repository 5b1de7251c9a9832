"""Files where notebooks have them: on a mounted drive, in folders made by hand or by a shell command.

Whatever is written elsewhere is written below the scratch folder instead, as if every folder were there; what
was written so is found again. This is for the student's comfort, and no wall.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from typing import Any

import torch

PATCHED: tuple[tuple[Any, str], ...] = (
    *((builtins, "open"), (io, "open"), (os, "mkdir"), (os, "makedirs"), (os, "stat")),
    *((torch, "save"), (torch, "load")),
)


def keep_at_home(scratch: str) -> None:
    """Let ``open``, ``os.mkdir``, ``os.makedirs``, ``os.stat``, ``torch.save``, ``torch.load`` and what is
    built on them, take any path, and write nowhere but in ``scratch``.
    """
    home = _Home(scratch)
    for module, name in PATCHED:
        _patch(module, name, getattr(home, name))


def _patch(module: Any, name: str, instead: Callable[..., Any]) -> None:
    """Let ``instead`` be called in place of a function, and be given that as its first argument."""
    original = getattr(module, name)

    def patched(*args: Any, **kwargs: Any) -> Any:
        return instead(original, *args, **kwargs)

    setattr(module, name, patched)


class _Home:
    def __init__(self, scratch: str) -> None:
        self._scratch = os.path.abspath(scratch)
        self._elsewhere = os.path.join(self._scratch, "elsewhere")
        self._makedirs = os.makedirs

    def open(self, original: Any, file: Any, mode: Any = "r", *args: Any, **kwargs: Any) -> Any:
        writes = isinstance(mode, str) and not set(mode).isdisjoint("wax+")
        return original(self._to_write(file) if writes else self._to_read(file), mode, *args, **kwargs)

    def mkdir(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        if (place := self._place(path)) is None:
            original(path, *args, **kwargs)
        else:
            self._makedirs(place, exist_ok=True)  # a mounted drive has it already

    def makedirs(self, original: Any, name: Any, *args: Any, **kwargs: Any) -> None:
        self.mkdir(original, name, *args, **kwargs)

    def stat(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(path, *args, **kwargs)
        except OSError:
            if (place := self._place(path)) is None:
                raise
            return original(place, *args, **kwargs)

    def save(self, original: Any, obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        original(obj, self._to_write(f), *args, **kwargs)

    def load(self, original: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self._to_read(f), *args, **kwargs)

    def _place(self, path: Any) -> str | None:
        """Where a path of elsewhere is kept; None for one that is at home, or is no name of a file."""
        if not isinstance(path, str | os.PathLike) or not isinstance(name := os.fspath(path), str):
            return None
        if not os.path.isabs(name) and not name.startswith(os.pardir):
            return None  # without asking for the working folder, which may lie too deep to be named
        absolute = os.path.abspath(name)
        if f"{absolute}{os.sep}".startswith((f"{self._scratch}{os.sep}", "/dev/")):
            return None
        return os.path.join(self._elsewhere, os.path.splitdrive(absolute)[1].lstrip(os.sep))

    def _to_write(self, path: Any) -> Any:
        if (place := self._place(path)) is not None:
            path = place
        if isinstance(path, str | os.PathLike) and (folder := os.path.dirname(path)):
            self._makedirs(folder, exist_ok=True)
        return path

    def _to_read(self, path: Any) -> Any:
        place = self._place(path)
        return path if place is None or not os.path.lexists(place) else place
