"""From a solved notebook to the notebook that students are given."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode

from grader.errors import UsageError
from grader.handout.blanks import (
    NBGRADER_STUB,
    NBGRADER_TEXT,
    OTTER_STUB,
    OTTER_TEXT,
    Blank,
    MarkedCell,
    read_marked_cell,
    whole_cell,
)
from grader.notebook.formats import Cell
from grader.notebook.syntax import parse_cell
from grader.text import place

HIDDEN = "solution"  # tag of cells that students do not get
_VOLATILE = ("ExecuteTime", "execution", "papermill", "outputId", "scrolled", "collapsed", "colab")
_BOUNDARY = re.compile(
    r"\s*#+\s*(?P<side>BEGIN|END)\s+(?P<what>QUESTION|SOLUTION|PROMPT|TESTS)\b", re.IGNORECASE
)
_CONFIGURATION = re.compile(r"\s*#+\s*(ASSIGNMENT CONFIG|EXPORT)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionCell:
    """A cell of the solved notebook.

    Attributes:
        node: the cell as it is stored.
        number: number of the code cell, from 1; 0 for other cells.
        marked: its text with its blanks.
        in_handout, in_solution: whether students get it, and whether the solution needs it.
    """

    node: NotebookNode
    number: int
    marked: MarkedCell
    in_handout: bool = True
    in_solution: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBlank:
    """A blank, the cell it lies in, and its position among the cell's blanks."""

    cell: SolutionCell
    position: int
    blank: Blank

    @property
    def place(self) -> str:
        """The code cell and the line where it begins; for a written answer, the line alone."""
        return place(self.cell.number or "a text", self.blank.line)


@dataclass(frozen=True, slots=True)
class SolvedNotebook:
    """A solved notebook whose markers have been read."""

    content: NotebookNode
    cells: tuple[SolutionCell, ...]

    @property
    def blanks(self) -> tuple[PlacedBlank, ...]:
        """Every blank that students see, in order; texts that a person grades included."""
        return tuple(
            PlacedBlank(cell=cell, position=position, blank=blank)
            for cell in self.cells
            for position, blank in enumerate(cell.marked.blanks)
        )

    def handout(self) -> NotebookNode:
        """Return the students' notebook: every blank empty, without outputs and hidden cells."""
        return self._notebook(lambda cell: cell.in_handout, lambda cell: range(len(cell.marked.blanks)))

    def solution(self, empty: PlacedBlank | None = None) -> NotebookNode:
        """Return the solved notebook without markers, with one blank empty if one is given."""
        return self._notebook(
            lambda cell: cell.in_solution or (empty is not None and cell is empty.cell),
            lambda cell: (empty.position,) if empty is not None and cell is empty.cell else (),
        )

    def _notebook(
        self,
        wanted: Callable[[SolutionCell], bool],
        empty: Callable[[SolutionCell], range | tuple[int, ...]],
    ) -> NotebookNode:
        made = copy.deepcopy(self.content)
        made.metadata.pop("widgets", None)  # the state of outputs
        made.cells = [
            _cleared(cell.node, cell.marked.text(empty(cell))) for cell in self.cells if wanted(cell)
        ]
        return made


def read_solved_notebook(path: Path) -> SolvedNotebook:
    """Read a solved notebook and its markers.

    Raises:
        UsageError: it cannot be read, a marker has no counterpart, or a cell of the handout is no Python.
    """
    try:
        content = nbformat.read(path, as_version=4)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    except Exception as error:  # nbformat raises many kinds for what is no notebook
        raise UsageError(f"{path} is no notebook: {str(error).splitlines()[0]}") from error
    solved = SolvedNotebook(content, tuple(_cells(content, path)))
    if not solved.blanks:
        raise UsageError(
            f"{path} marks no solution; write the line `# BEGIN SOLUTION` above what students shall write, "
            "and `# END SOLUTION` below"
        )
    for cell in solved.cells:
        _check_parses(path, cell)
    return solved


def _cells(content: NotebookNode, path: Path) -> Iterator[SolutionCell]:
    inside: list[str] = []  # of otter's blocks, whose boundaries are cells of their own
    prompted = False  # whether the question has a prompt, in whose place otter shows no other
    number = 0
    for node in content.cells:
        source = str(node.source)
        code = node.cell_type == "code"
        number += code
        shown = f"{path}, code cell {number}" if code else f"{path}, the text after code cell {number}"
        if not code and (boundary := _BOUNDARY.match(source)):
            what = boundary["what"].upper()
            if boundary["side"].upper() == "BEGIN":
                inside.append(what)
                prompted = prompted and what != "QUESTION"
            elif inside and inside[-1] == what:
                inside.pop()
            else:
                raise UsageError(f"{shown} ends {what}, which does not begin above it")
            continue
        if (not code and _CONFIGURATION.match(source)) or "TESTS" in inside:
            continue
        try:
            marked = _marked(node, source, code)
        except UsageError as error:
            raise UsageError(f"{shown}: {error}") from error
        own_number = number if code else 0
        if "PROMPT" in inside:
            prompted = True
            yield SolutionCell(node=node, number=own_number, marked=whole_cell("", source), in_solution=False)
        elif HIDDEN in node.metadata.get("tags", ()):
            yield SolutionCell(node=node, number=own_number, marked=whole_cell(source, ""), in_handout=False)
        elif "SOLUTION" in inside and not marked.blanks:
            stub = "" if prompted else OTTER_STUB if code else OTTER_TEXT
            marked = whole_cell(source, stub)
            yield SolutionCell(node=node, number=own_number, marked=marked, in_handout=not prompted)
        else:
            yield SolutionCell(node=node, number=own_number, marked=marked)
    if inside:
        raise UsageError(f"{path} begins {inside[-1]} and does not end it")


def _marked(node: NotebookNode, source: str, code: bool) -> MarkedCell:
    """Read a cell's markers; one that nbgrader lets students solve is a blank as a whole if it has none."""
    nbgrader = node.metadata.get("nbgrader", {})
    if nbgrader.get("solution") and "BEGIN SOLUTION" not in source:  # `# SOLUTION` means nothing to nbgrader
        return whole_cell(source, NBGRADER_STUB if code else NBGRADER_TEXT)
    return read_marked_cell(source, code=code, nbgrader=bool(nbgrader))


def _cleared(node: NotebookNode, source: str) -> NotebookNode:
    """Return a cell with another text, and without what running it left behind."""
    cell = copy.deepcopy(node)
    cell.source = source
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    for name in _VOLATILE:
        cell.metadata.pop(name, None)
    if "attachments" in cell:  # an image of an answer goes with the answer
        named = unquote(source)
        cell.attachments = {name: data for name, data in cell.attachments.items() if name in named}
    if tags := cell.metadata.get("tags"):
        cell.metadata.tags = [tag for tag in tags if tag != HIDDEN]
    return cell


def _check_parses(path: Path, cell: SolutionCell) -> None:
    """Refuse a cell that is Python as it is solved, and none once its blanks are empty."""
    if not cell.number or not cell.marked.blanks or not cell.in_handout:
        return
    solved = parse_cell(Cell(cell.number, cell.marked.text(())))
    handed_out = parse_cell(Cell(cell.number, cell.marked.text(range(len(cell.marked.blanks)))))
    if handed_out.problems and not solved.problems:
        problem = handed_out.problems[0]
        raise UsageError(
            f"{path}, code cell {cell.number}: with its blanks empty this is no Python ({problem}); let a "
            "line that begins with #> say what stands there, such as `#> pass`"
        )
