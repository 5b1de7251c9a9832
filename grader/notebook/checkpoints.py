"""Find the checkpoint that a notebook names and that was handed in with it.

Only its path and size are looked at here. The sandboxed worker opens it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from grader.notebook.formats import Cell

SUFFIXES = (".pth", ".pt", ".ckpt")
MAX_BYTES = 200 << 20
# A file name in a string. Paths do not count: only files beside the notebook are taken.
_FILE_NAME = re.compile(r"([\w-][\w.-]{0,98}\.(?:pth|pt|ckpt))[\"']")


def find_checkpoint(path: Path, cells: Iterable[Cell]) -> Path | None:
    """Return the checkpoint beside the notebook at ``path`` that ``cells`` name last.

    Links are never followed, and files over ``MAX_BYTES`` are ignored.
    """
    names: list[str] = [name for cell in cells for name in _FILE_NAME.findall(cell.source)]
    for name in reversed(names):
        file = path.parent / name
        if file.is_file() and not file.is_symlink() and 0 < file.stat().st_size <= MAX_BYTES:
            return file
    return None


def is_checkpoint_name(name: str) -> bool:
    """Return whether a notebook could name this file as its checkpoint."""
    return _FILE_NAME.fullmatch(f'{name}"') is not None
