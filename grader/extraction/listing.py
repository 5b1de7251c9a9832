"""The student's code for the report: its cells, and the passage that each criterion is about.

A criterion names a definition, and the names whose lines are to be marked in it. Both are looked up in the
syntax tree, so a passage shows where the definition is without claiming that one of its lines is wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from grader.extraction.statements import DEFINITION_NODES, Statement
from grader.extraction.student_source import Definition, StudentSource
from grader.model import CodePassage, Criterion, Listing
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

MAX_CELLS, MAX_CODE = 300, 100_000  # cells, and characters of code in them
MAX_MARKDOWN = 40_000  # characters


def listing(submission: Submission, source: StudentSource, criteria: Iterable[Criterion]) -> Listing:
    """Return the notebook's code, with the passages that ``criteria`` are about."""
    passages = [passage for criterion in criteria if (passage := _passage(criterion, source))]
    files = [module.cell for module in source.modules.values() if isinstance(module.cell.number, str)]
    cells = [cell for cell in (*submission.cells, *files) if cell.source.strip()]
    shown = _select(cells, first={passage.cell for passage in passages})
    return Listing(
        cells=[(cell.number, cell.source) for cell in cells if cell in shown],
        passages=[passage for passage in passages if any(passage.cell == cell.number for cell in shown)],
        left_out=len(cells) - len(shown),
        prose=list(_select_markdown(submission)),
    )


def _select_markdown(submission: Submission) -> Iterator[tuple[int, str]]:
    """Yield markdown cells from the first on, up to ``MAX_MARKDOWN`` characters."""
    remaining = MAX_MARKDOWN
    for cells_before, text in submission.markdown:
        remaining -= len(text)
        if remaining < 0:
            return
        if text.strip():
            yield cells_before, text


def _select(cells: list[Cell], first: set[int | str]) -> set[Cell]:
    """Return the cells that fit the limits: those with numbers in ``first`` before the others."""
    selected, remaining = set[Cell](), MAX_CODE
    for cell in sorted(cells, key=lambda cell: cell.number not in first):
        if len(cell.source) <= remaining and len(selected) < MAX_CELLS:
            selected.add(cell)
            remaining -= len(cell.source)
    return selected


def _passage(criterion: Criterion, source: StudentSource) -> CodePassage | None:
    name, _, method = criterion.code.partition(".")
    definition = next((each for each in source.definitions if each.name == name), None)
    if definition is None:
        return None
    for statement in _statements(source):
        for node in _nodes(statement, definition):
            inner = _method(node, source.names.get(criterion.code, method)) if method else None
            shown = inner or node
            own_name = definition.found or definition.name
            return CodePassage(
                criterion=criterion.id,
                name=f"{own_name}.{inner.name}" if inner else own_name,
                cell=definition.cell,
                first=_first_line(statement, shown),
                last=statement.line_of(shown) + (shown.end_lineno or shown.lineno) - shown.lineno,
                marked=sorted(_lines_with(statement, shown, set(criterion.lines_with))),
            )
    return None


def _statements(source: StudentSource) -> Iterator[Statement]:
    yield from source.statements
    for module in source.modules.values():
        yield from module.statements


def _nodes(
    statement: Statement, definition: Definition
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the syntax of ``definition`` if it is in this statement."""
    if statement.cell != definition.cell:
        return
    name = (definition.found or definition.name).rpartition(".")[2]
    for node in ast.walk(statement.node):
        if isinstance(node, DEFINITION_NODES):
            line = statement.first_line if node is statement.node else statement.line_of(node)
            if line == definition.line and node.name == name:
                yield node


def _method(node: ast.AST, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the last method of that name, which replaces earlier ones."""
    methods = [
        inner
        for inner in getattr(node, "body", ())
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name == name
    ]
    return methods[-1] if methods else None


def _first_line(statement: Statement, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min(statement.line_of(part) for part in (node, *node.decorator_list))


def _lines_with(statement: Statement, definition: ast.AST, names: set[str]) -> set[int]:
    """Return the lines in a definition's body that use one of ``names``, or "return" if it is among them."""
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
                # In a chain over several lines, the attribute's own name is on the last one.
                end = node.end_lineno if isinstance(node, ast.Attribute) else None
                lines.add(statement.line_of(node) + (end or node.lineno) - node.lineno)
    return lines
