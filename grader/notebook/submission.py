"""Read a submission: a notebook or script as numbered code cells. Nothing is executed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import NotebookError
from grader.files import read_handed_in
from grader.notebook.answers import FoundAnswer, find_answers
from grader.notebook.checkpoints import find_checkpoint
from grader.notebook.formats import Cell, read_code
from grader.written_answers import AnswerPlace

MAX_BYTES = 512 << 20
MAX_SOURCE = 2 << 20  # characters of code in a notebook; parsing more takes minutes
MAX_CELLS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A notebook or script as it was handed in.

    Attributes:
        name: what the report calls it.
        path: the file; local modules are looked for beside it.
        sha256: digest of the file's bytes.
        cells: code cells in the order of the file.
        notes: sentences on how the file was read.
        checkpoint: file of trained weights beside the notebook that it names.
        markdown: text of each markdown cell, with the number of code cells before it.
        raw: the same of raw cells.
        python_version: of the kernel that ran the notebook last, if the file gives it.
        is_damaged: whether only a part of the file could be read.
        answers: those that a person grades, by the id of the criterion, as far as they were found.
    """

    name: str
    path: str
    sha256: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    checkpoint: Path | None = None
    markdown: tuple[tuple[int, str], ...] = ()
    raw: tuple[tuple[int, str], ...] = ()
    python_version: str | None = None
    is_damaged: bool = False
    answers: Mapping[str, FoundAnswer] = field(default_factory=dict)


def read_notebook(path: Path, name: str, places: Mapping[str, AnswerPlace] | None = None) -> Submission:
    """Read the notebook (nbformat 3 or 4) or script at ``path``.

    Args:
        places: where to look for the answers that a person grades, by the id of the criterion.

    Raises:
        NotebookError: the file cannot be read as a notebook; the message gives the reason.
    """
    data = _read_bytes(path)
    code = read_code(data, path.suffix.lower())
    cells = tuple(Cell(number, source) for number, source in enumerate(code.cells, start=1))
    if not any(cell.source.strip() for cell in cells):
        raise NotebookError("the notebook has no code cells; is it the empty template?")
    if len(cells) > MAX_CELLS:
        raise NotebookError(f"the notebook has more than {MAX_CELLS:,} code cells; keep only your homework")
    cells = _limit_source(cells, code.notes)
    return Submission(
        name=name,
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        cells=cells,
        notes=tuple(code.notes),
        checkpoint=find_checkpoint(path, cells),
        markdown=tuple(code.markdown),
        raw=tuple(code.raw),
        python_version=code.python_version,
        is_damaged=code.is_damaged,
        answers=find_answers(code.all_cells, places) if places else {},
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or that of no bytes if the file cannot be read."""
    try:
        return hashlib.sha256(_read_bytes(path)).hexdigest()
    except NotebookError:
        return hashlib.sha256(b"").hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        if not path.is_file():  # reading a FIFO would block, and a device may never end
            raise NotebookError("this is not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise NotebookError(
                f"the file is larger than {MAX_BYTES >> 20} MB; clear the outputs and save it again"
            )
        return read_handed_in(path)
    except OSError as error:
        raise NotebookError(f"the file cannot be read ({error.strerror}); check its permissions") from error


def _limit_source(cells: tuple[Cell, ...], notes: list[str]) -> tuple[Cell, ...]:
    """Empty the largest cells until all together hold at most ``MAX_SOURCE`` characters."""
    total = sum(len(cell.source) for cell in cells)
    skipped = set()
    for cell in sorted(cells, key=lambda cell: -len(cell.source)):
        if total <= MAX_SOURCE:
            break
        total -= len(cell.source)
        skipped.add(cell)
        notes.append(
            f"Cell {cell.number} has {len(cell.source):,} characters and was skipped: "
            f"the grader reads at most {MAX_SOURCE >> 20} MB of code."
        )
    return tuple(Cell(cell.number, "") if cell in skipped else cell for cell in cells)
