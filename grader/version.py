"""The version of the code that a result comes from: release number and a digest of what decides a verdict."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from grader import __version__

_GRADER = Path(__file__).parent
# These may change without a new grading: they start grades, store results and draw pages, but decide nothing.
# Everything else in the package is part of the digest, so a new module counts unless it is listed here.
_DECIDES_NOTHING = (
    "audit",
    "classroom",
    "commands",
    "handout",
    "kit",
    "magic",
    "report",
    "review",
    "__main__.py",
    "cli.py",
)
_SUFFIXES = (".py", ".ini", ".npz", ".safetensors")


@cache
def grader_version() -> str:
    """Return the version with a digest of all code outside the rubric that decides a verdict."""
    digest = hashlib.sha256()
    for path in deciding_files():
        digest.update(path.relative_to(_GRADER.parent).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def deciding_files() -> list[Path]:
    """Return the files of grader and reference on which a verdict depends, sorted."""
    places = [*_GRADER.iterdir(), _GRADER.parent / "reference"]
    deciding = [place for place in places if place.name not in _DECIDES_NOTHING]
    files = [path for place in deciding for path in (place.rglob("*") if place.is_dir() else [place])]
    return sorted(path for path in files if path.suffix in _SUFFIXES)
