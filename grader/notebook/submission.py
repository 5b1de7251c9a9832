"""Read a submission: a notebook or script as numbered code cells. Nothing is executed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from grader.errors import NotebookError
from grader.notebook.checkpoints import weights_beside
from grader.notebook.formats import Cell, code_of

__all__ = ["Cell", "Submission", "file_digest", "read_notebook"]

MAX_BYTES = 512 << 20
MAX_SOURCE = 2 << 20  # characters of code; parsing more takes minutes
MAX_CELLS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One notebook as it was handed in.

    Attributes:
        prose: markdown cells, each with the number of code cells before it.
        weights: the file beside the notebook that holds the weights it names, if there is one.
        python: the version of Python that the notebook was last run with, where it says so.
    """

    name: str
    path: str
    sha256: str
    cells: tuple[Cell, ...]
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
