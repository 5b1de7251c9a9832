"""Derive seeds and secrets from a key that never leaves this machine.

Code in a notebook must not be able to predict the judge's random numbers, or it could recognise a probe and
answer that one alone. So a seed is an HMAC under a secret key: a grade's seed of the notebook's digest, a
training's seed of the digest of the code that is trained. The same machine therefore reproduces a grade, and
nobody else can compute its seed in advance. The key is made once per machine and user.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.files import data_folder

_SEED_BITS = 48  # too many to search, and exact in JSON readers that store numbers as doubles
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The seeds of one notebook.

    Attributes:
        grade: 0 to 2**48 - 1.
        trainings: key for the seeds of trainings, each of which depends on the code that is trained.
    """

    grade: int
    trainings: bytes


def seeds_for(sha256: str) -> Seeds:
    """Return the seeds for the notebook with this digest."""
    return Seeds(grade=seed_for(sha256), trainings=training_key())


def seed_for(sha256: str) -> int:
    """Return the seed for the notebook with this digest, 0 to 2**48 - 1."""
    return seed_from(_key(), sha256)


def training_key() -> bytes:
    """Return the key for the seeds of trainings."""
    return secret_for("shared work")


def seed_from(secret: bytes, text: str) -> int:
    """Return the seed for ``text`` under ``secret``, 0 to 2**48 - 1."""
    digest = hmac.digest(secret, text.encode(), hashlib.sha256)
    return int.from_bytes(digest, "big") >> (8 * len(digest) - _SEED_BITS)


def secret_for(purpose: str) -> bytes:
    """Return this user's secret for one purpose; it reveals neither the key nor any other secret."""
    return hmac.digest(_key(), f"secret for {purpose}".encode(), hashlib.sha256)


@functools.cache
def _key() -> bytes:
    """Return this user's key, made at first use; where it cannot be stored, a new one for each process."""
    path = data_folder() / "seed-key"
    with suppress(OSError):
        return _read_key(path) or _make_key(path)
    return secrets.token_bytes(_KEY_BYTES)


def _read_key(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(key) < _KEY_BYTES:
        raise OSError(f"{path} is truncated")
    return key


def _make_key(path: Path) -> bytes:
    """Store a new key, unless another process does so first, and return the stored one.

    The draft is complete before ``os.link`` gives it its name, and linking fails where the name exists: so
    every process reads either no key or a whole one, and all read the same.
    """
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
