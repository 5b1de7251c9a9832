"""Keeps results in the user's cache that take long to come by, each under a digest of all that it depends on.

A file that is damaged, or that somebody else wrote, counts as none: each carries a keyed checksum. What lay
unused for longest goes first when the folder grows too large.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from grader.seeds import secret_for

_SUFFIX = ".json"
_PATIENCE = 900.0  # seconds until who waits for another makes their own
_MOST_BYTES = 1 << 30  # in one folder: a thousand trained networks, say


class DiskCache:
    """The results of one kind.

    Args:
        kind: the folder's name.
        folder: where that is; in the user's cache, if not given.
    """

    def __init__(self, kind: str, folder: Path | None = None, most_bytes: int = _MOST_BYTES) -> None:
        self.folder = (folder or user_cache_path("ddpm-grader", appauthor=False)) / kind
        self._most_bytes = most_bytes
        self._secret = secret_for(f"kept {kind}")

    def get(self, key: str, make: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """What is kept under ``key``; what ``make`` returns where there is nothing, which is kept then.

        Of several processes that ask for the same at once, one makes it and the others wait. Where nothing
        can be kept, each makes its own.

        Args:
            make: returns plain values, as JSON takes them; None is not kept.
        """
        path = self.folder / f"{key}{_SUFFIX}"
        with ExitStack() as held:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                held.enter_context(FileLock(self.folder / f".{key}.lock", timeout=_PATIENCE))
            except (OSError, NotImplementedError):  # also where it takes too long, or there are no locks
                return make()
            if (found := self._read(path)) is not None:
                return found
            made = make()
            if made is not None:
                made = json.loads(json.dumps(made))  # as whoever comes next will read it
                self._write(path, made)
            return made

    def _read(self, path: Path) -> dict[str, Any] | None:
        """What was kept, if it is there and as it was written."""
        try:
            content = json.loads(path.read_bytes())
            value: dict[str, Any] = content["value"]
            if not hmac.compare_digest(content["checksum"], self._checksum(path.stem, value)):
                return None
            os.utime(path)  # it was of use just now
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return value

    def _write(self, path: Path, value: dict[str, Any]) -> None:
        draft = path.with_suffix(f".{os.getpid()}")
        content = {"checksum": self._checksum(path.stem, value), "value": value}
        with suppress(OSError):  # a full disk costs whoever comes next the time, and this one nothing
            draft.write_text(json.dumps(content))
            draft.replace(path)
            self._make_room()

    def _make_room(self) -> None:
        files = [(path, path.stat()) for path in self.folder.glob(f"*{_SUFFIX}")]
        total = sum(about.st_size for _, about in files)
        for path, about in sorted(files, key=lambda file: file[1].st_mtime):
            if total <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            path.with_name(f".{path.stem}.lock").unlink(missing_ok=True)
            total -= about.st_size

    def _checksum(self, key: str, value: dict[str, Any]) -> str:
        said = json.dumps([key, value], sort_keys=True).encode()
        return hmac.digest(self._secret, said, hashlib.sha256).hex()
