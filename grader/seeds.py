"""Seeds: fresh for every notebook, the same whenever this machine grades it again.

What the judge draws must not be known to whoever wrote the notebook, or a probe could be recognised. So a
seed is a keyed hash of what it is for: a grade's of the notebook, a training's of the code that is trained.
The key is made once for each machine and user, and never leaves it.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

_BITS = 48  # too many to try them all, and few enough for every reader of JSON
_KEY_BYTES = 32


def seed_for(sha256: str) -> int:
    """The seed for the notebook with this fingerprint, 0 to 2**48 - 1."""
    return seed_from(_key(), sha256)


def seed_from(secret: bytes, what: str) -> int:
    """The seed for ``what``, 0 to 2**48 - 1, known to nobody without the secret."""
    digest = hmac.digest(secret, what.encode(), hashlib.sha256)
    return int.from_bytes(digest, "big") >> (8 * len(digest) - _BITS)


def secret_for(purpose: str) -> bytes:
    """A secret of this user's for one purpose, which gives no other away."""
    return hmac.digest(_key(), f"secret for {purpose}".encode(), hashlib.sha256)


@functools.cache
def _key() -> bytes:
    """This user's key, made at its first use; where it cannot be kept, one for this process alone."""
    path = user_data_path("ddpm-grader", appauthor=False) / "seed-key"
    with suppress(OSError):
        return _read(path) or _made(path)
    return secrets.token_bytes(_KEY_BYTES)


def _read(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(key) < _KEY_BYTES:
        raise OSError(f"{path} is cut off")
    return key


def _made(path: Path) -> bytes:
    """Whoever comes first makes it; a grade that runs at the same time finds either none or all of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_bytes()
