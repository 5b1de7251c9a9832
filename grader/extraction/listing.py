"""The student's code as the report shows it: the cells, and the lines that each criterion asks about.

A criterion names a definition, and names whose lines are marked in it. Both are found in the syntax tree, so
that the report points at what it knows: where the definition stands, not which of its lines is wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from grader.extraction.extract import Part, StudentSource
from grader.extraction.statements import Statement
from grader.model import CodePassage, Criterion, Listing
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

MAX_CELLS, MAX_LETTERS = 300, 100_000  # of what is kept for the page
MAX_PROSE = 40_000  # letters of markdown, beside it

_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def listing(submission: Submission, source: StudentSource, criteria: Iterable[Criterion]) -> Listing:
    """The notebook's code, with the passages that ``criteria`` ask about."""
    passages = [passage for criterion in criteria if (passage := _passage(criterion, source))]
    asked = {passage.cell for passage in passages}
    everything = [*submission.cells, *(module.cell for module in source.modules.values())]
    filled = [cell for cell in everything if cell.source.strip()]
    shown = _within_bounds(filled, asked)
    return Listing(
        cells=[(cell.number, cell.source) for cell in filled if cell in shown],
        passages=[passage for passage in passages if any(passage.cell == cell.number for cell in shown)],
        left_out=len(filled) - len(shown),
        prose=list(_prose_within_bounds(submission)),
    )


def _prose_within_bounds(submission: Submission) -> Iterator[tuple[int, str]]:
    """The markdown cells, from the first on, that there is room for."""
    room = MAX_PROSE
    for after, text in submission.prose:
        room -= len(text)
        if room < 0:
            return
        if text.strip():
            yield after, text


def _within_bounds(cells: list[Cell], asked: set[int | str]) -> set[Cell]:
    """The cells that there is room for: those that are asked about first, then in the notebook's order."""
    shown, room = set[Cell](), MAX_LETTERS
    for cell in sorted(cells, key=lambda cell: cell.number not in asked):
        if len(cell.source) <= room and len(shown) < MAX_CELLS:
            shown.add(cell)
            room -= len(cell.source)
    return shown


def _passage(criterion: Criterion, source: StudentSource) -> CodePassage | None:
    name, _, method = criterion.code.partition(".")
    part = next((part for part in source.parts if part.name == name), None)
    if part is None:
        return None
    for statement in _statements(source):
        for node in _definitions(statement, part):
            inner = _method(node, source.names.get(criterion.code, method)) if method else None
            shown = inner or node
            found = part.found or part.name
            return CodePassage(
                criterion=criterion.id,
                name=f"{found}.{inner.name}" if inner else found,
                cell=part.cell,
                first=_first(statement, shown),
                last=statement.line_of(shown) + (shown.end_lineno or shown.lineno) - shown.lineno,
                marked=sorted(_lines_with(statement, shown, set(criterion.lines_with))),
            )
    return None


def _statements(source: StudentSource) -> Iterator[Statement]:
    yield from source.statements
    for module in source.modules.values():
        yield from module.statements


def _definitions(
    statement: Statement, part: Part
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The definition that ``part`` is, if it stands in this statement."""
    if statement.cell != part.cell:
        return
    for node in ast.walk(statement.node):
        if isinstance(node, _DEFINITIONS):
            first = statement.first if node is statement.node else statement.line_of(node)
            if first == part.line and node.name == (part.found or part.name).rpartition(".")[2]:
                yield node


def _method(node: ast.AST, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The last method of that name: it is the one that counts."""
    methods = [
        inner
        for inner in getattr(node, "body", ())
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name == name
    ]
    return methods[-1] if methods else None


def _first(statement: Statement, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min(statement.line_of(part) for part in (node, *node.decorator_list))


def _lines_with(statement: Statement, definition: ast.AST, names: set[str]) -> set[int]:
    """Lines of a definition's body that use one of the names; ``return`` is one, too."""
    lines = set()
    for outer in getattr(definition, "body", ()):
        for node in ast.walk(outer):
            match node:
                case ast.Name(id=name) | ast.keyword(arg=str(name)):
                    used = name
                case ast.Attribute(attr=name):
                    used = name
                case ast.Return():
                    used = "return"
                case _:
                    continue
            if used in names:
                line = (node.end_lineno if isinstance(node, ast.Attribute) else None) or node.lineno
                lines.add(statement.first + line - _top(statement))
    return lines


def _top(statement: Statement) -> int:
    """The line that the statement begins at in its syntax tree."""
    decorators = getattr(statement.node, "decorator_list", [])
    return int(min([statement.node.lineno, *(each.lineno for each in decorators)]))
