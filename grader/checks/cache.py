"""On-disk cache for expensive results, keyed by a digest of their inputs.

Each file carries an HMAC under a secret of this user's, so a file that is damaged, or that somebody else
wrote, counts as missing. When a folder grows too large, the least recently used files are removed.
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

from grader.files import cache_folder, replacing
from grader.seeds import secret_for

_SUFFIX = ".json"
_LOCK_SECONDS = 900.0  # how long to wait for another process that computes the same result
_MAX_BYTES = 1 << 30  # per folder


class DiskCache:
    """The cached results of one kind.

    Args:
        kind: name of the subfolder; also part of the secret, so that no file is valid under another kind.
        folder: the parent folder; in the user's cache if not given.
        max_bytes: size above which the least recently used results are removed.
    """

    def __init__(self, kind: str, folder: Path | None = None, max_bytes: int = _MAX_BYTES) -> None:
        self.folder = (folder or cache_folder()) / kind
        self._max_bytes = max_bytes
        self._secret = secret_for(f"kept {kind}")  # hashed: another word would invalidate every cache

    def get(self, key: str, compute: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
        """Return the cached result, or compute and store it.

        Of several processes that ask for one key at once, one computes and the others wait. Where nothing can
        be stored or locked, each computes for itself.

        Args:
            compute: returns JSON values; None is returned but not stored.
        """
        path = self.folder / f"{key}{_SUFFIX}"
        with ExitStack() as stack:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                stack.enter_context(FileLock(self.folder / f".{key}.lock", timeout=_LOCK_SECONDS))
            except (OSError, NotImplementedError):  # a lock's timeout is an OSError as well
                return compute()
            if (cached := self._read(path)) is not None:
                return cached
            result = compute()
            if result is not None:
                result = json.loads(
                    json.dumps(result)
                )  # the same types as when it is read: tuples become lists
                self._write(path, result)
            return result

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            content = json.loads(path.read_bytes())
            value: dict[str, Any] = content["value"]
            if not hmac.compare_digest(content["checksum"], self._checksum(path.stem, value)):
                return None
            os.utime(path)  # the modification time orders the files by last use
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return value

    def _write(self, path: Path, value: dict[str, Any]) -> None:
        content = {"checksum": self._checksum(path.stem, value), "value": value}
        with suppress(OSError):  # on a full disk the result is only not stored
            with replacing(path) as draft:
                draft.write_text(json.dumps(content))
            self._evict()

    def _evict(self) -> None:
        files = [(path, path.stat()) for path in self.folder.glob(f"*{_SUFFIX}")]
        total = sum(stat.st_size for _, stat in files)
        for path, stat in sorted(files, key=lambda file: file[1].st_mtime):
            if total <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            path.with_name(f".{path.stem}.lock").unlink(missing_ok=True)
            total -= stat.st_size

    def _checksum(self, key: str, value: dict[str, Any]) -> str:
        content = json.dumps([key, value], sort_keys=True).encode()
        return hmac.digest(self._secret, content, hashlib.sha256).hex()
