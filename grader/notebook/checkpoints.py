"""Finds the trained weights that a notebook names and that were handed in beside it.

Only their bytes are read here; it is the worker that opens them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from grader.notebook.formats import Cell

SUFFIXES = (".pth", ".pt", ".ckpt")
MAX_BYTES = 200 << 20  # a network for digits has a tenth of it
_NAMED = re.compile(r"([\w-][\w.-]{0,98}\.(?:pth|pt|ckpt))[\"']")


def weights_beside(path: Path, cells: Iterable[Cell]) -> Path | None:
    """The file of weights that ``cells`` name last and that lies beside ``path``; none that is a link or too
    large.
    """
    named: list[str] = [name for cell in cells for name in _NAMED.findall(cell.source)]
    for name in reversed(named):
        file = path.parent / name
        if file.is_file() and not file.is_symlink() and 0 < file.stat().st_size <= MAX_BYTES:
            return file
    return None


def is_weights(name: str) -> bool:
    """Whether a file's name is one that a notebook could load weights by."""
    return _NAMED.fullmatch(f'{name}"') is not None
