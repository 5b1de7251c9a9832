"""Reads what was handed in: numbered code cells, and the modules beside them. Nothing is executed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from grader.errors import NotebookError
from grader.extraction.local_modules import modules_beside
from grader.notebook.checkpoints import SUFFIXES, weights_beside
from grader.notebook.formats import Cell, code_of

__all__ = ["Cell", "Submission", "content_digest", "file_digest", "read_notebook"]

MAX_BYTES = 512 << 20
MAX_SOURCE = 2 << 20  # characters of code; parsing more takes minutes
MAX_CELLS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One notebook as it was handed in.

    Attributes:
        modules: Python files beside the notebook that it imports, by the name they are imported by.
        prose: markdown cells, each with the number of code cells before it.
        weights: the file beside the notebook that holds the weights it names, if there is one.
        python: the version of Python that the notebook was last run with, where it says so.
    """

    name: str
    path: str
    sha256: str
    cells: tuple[Cell, ...]
    modules: Mapping[str, Cell] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    weights: Path | None = None
    prose: tuple[tuple[int, str], ...] = ()
    python: str | None = None


def read_notebook(path: Path, name: str) -> Submission:
    """The code cells of the notebook at ``path``, nbformat 3 or 4, or of a script, to be known as ``name``.

    Raises:
        NotebookError: it is not a notebook, or cannot be read as one; the message says why.
    """
    data = _bytes(path)
    code = code_of(data, path.suffix.lower())
    cells = tuple(Cell(number, source) for number, source in enumerate(code.cells, start=1))
    if not any(cell.source.strip() for cell in cells):
        raise NotebookError("the notebook has no code cells; was the empty template handed in?")
    if len(cells) > MAX_CELLS:
        raise NotebookError(f"the notebook has more than {MAX_CELLS:,} code cells, which no homework needs")
    cells = _within_bounds(cells, code.notes)
    return Submission(
        name=name,
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        cells=cells,
        modules=modules_beside(path, cells),
        notes=tuple(code.notes),
        weights=weights_beside(path, cells),
        prose=tuple(code.prose),
        python=code.python,
    )


def file_digest(path: Path) -> str:
    """SHA-256 of the file, or of nothing where it cannot be read."""
    try:
        return hashlib.sha256(_bytes(path)).hexdigest()
    except NotebookError:
        return hashlib.sha256(b"").hexdigest()


def content_digest(path: Path) -> str:
    """A digest of all that is read for the notebook at ``path``: its bytes, modules and weights."""
    digest = file_digest(path)
    if not _anything_beside_in(path.parent):
        return digest
    try:
        submission = read_notebook(path, path.stem)
    except (NotebookError, RuntimeError, MemoryError):  # its report says so
        return digest
    from_files = {n: cell for n, cell in submission.modules.items() if isinstance(cell.number, str)}
    parts = [f"{name}\0{cell.number}\0{cell.source}" for name, cell in sorted(from_files.items())]
    if submission.weights:
        parts.append(file_digest(submission.weights))
    if not parts:
        return digest
    return hashlib.sha256("\0".join([digest, *parts]).encode("utf-8", "replace")).hexdigest()


@cache
def _anything_beside_in(folder: Path) -> bool:
    return any(path.suffix in (".py", *SUFFIXES) for path in folder.rglob("*.*"))


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():  # a FIFO would block, a device would never end
            raise NotebookError("this is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise NotebookError(
                f"the file is larger than {MAX_BYTES >> 20} MB; clear the outputs and save it again"
            )
        return path.read_bytes()
    except OSError as error:
        raise NotebookError(f"the file cannot be read ({error.strerror}); check its permissions") from error


def _within_bounds(cells: tuple[Cell, ...], notes: list[str]) -> tuple[Cell, ...]:
    """The cells without the largest ones, where all together are more than can be parsed in good time."""
    total = sum(len(cell.source) for cell in cells)
    left_out = set()
    for cell in sorted(cells, key=lambda cell: -len(cell.source)):
        if total <= MAX_SOURCE:
            break
        total -= len(cell.source)
        left_out.add(cell)
        notes.append(
            f"Cell {cell.number} holds {len(cell.source):,} characters and was left out: "
            f"more than {MAX_SOURCE >> 20} MB of code are not read."
        )
    return tuple(Cell(cell.number, "") if cell in left_out else cell for cell in cells)
