"""Redirects file access that a notebook expects elsewhere: on a mounted drive or in folders made by hand.

A write outside the scratch folder goes below it instead, as if every folder existed; reads find what was
written that way. This is for convenience only, and not a sandbox layer.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
from collections.abc import Callable
from typing import Any

import torch

PATCHED: tuple[tuple[Any, str], ...] = (
    *((builtins, "open"), (io, "open"), (os, "mkdir"), (os, "makedirs"), (os, "stat")),
    *((torch, "save"), (torch, "load")),
)


def redirect_to(scratch: str) -> None:
    """Patch the functions in ``PATCHED`` to accept any path and to write only in ``scratch``."""
    redirect = _Redirect(scratch)
    for module, name in PATCHED:
        _patch(module, name, getattr(redirect, name))


def write(texts: dict[str, str]) -> None:
    """Write the files that the notebook writes; what cannot be written is missing when it is read."""
    for path, text in texts.items():
        with contextlib.suppress(OSError, ValueError), open(path, "w", encoding="utf-8") as file:
            file.write(text)


def _patch(module: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Replace a function; the replacement gets the original as its first argument."""
    original = getattr(module, name)

    def patched(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    setattr(module, name, patched)


class _Redirect:
    def __init__(self, scratch: str) -> None:
        self._scratch = os.path.abspath(scratch)
        self._elsewhere = os.path.join(self._scratch, "elsewhere")
        self._makedirs = os.makedirs  # the original, bound before it is patched

    def open(self, original: Any, file: Any, mode: Any = "r", *args: Any, **kwargs: Any) -> Any:
        writes = isinstance(mode, str) and not set(mode).isdisjoint("wax+")
        return original(self._for_writing(file) if writes else self._for_reading(file), mode, *args, **kwargs)

    def mkdir(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        if (redirected := self._redirected(path)) is None:
            original(path, *args, **kwargs)
        else:
            self._makedirs(redirected, exist_ok=True)  # on a mounted drive the folder exists already

    def makedirs(self, original: Any, name: Any, *args: Any, **kwargs: Any) -> None:
        self.mkdir(original, name, *args, **kwargs)

    def stat(self, original: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(path, *args, **kwargs)
        except OSError:
            if (redirected := self._redirected(path)) is None:
                raise
            return original(redirected, *args, **kwargs)

    def save(self, original: Any, obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        original(obj, self._for_writing(f), *args, **kwargs)

    def load(self, original: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self._for_reading(f), *args, **kwargs)

    def _redirected(self, path: Any) -> str | None:
        """Return where a path outside the scratch folder is kept; None for one inside, or not a path."""
        if not isinstance(path, str | os.PathLike) or not isinstance(name := os.fspath(path), str):
            return None
        # A relative path is inside unless it climbs out. No os.getcwd() here: student code may have moved so
        # deep that the working directory cannot be named.
        if not os.path.isabs(name) and not name.startswith(os.pardir):
            return None
        absolute = os.path.abspath(name)
        if f"{absolute}{os.sep}".startswith((f"{self._scratch}{os.sep}", "/dev/")):
            return None
        return os.path.join(self._elsewhere, os.path.splitdrive(absolute)[1].lstrip(os.sep))

    def _for_writing(self, path: Any) -> Any:
        if (redirected := self._redirected(path)) is not None:
            path = redirected
        if isinstance(path, str | os.PathLike) and (folder := os.path.dirname(path)):
            self._makedirs(folder, exist_ok=True)
        return path

    def _for_reading(self, path: Any) -> Any:
        redirected = self._redirected(path)
        return path if redirected is None or not os.path.lexists(redirected) else redirected
