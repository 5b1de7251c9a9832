"""Statements of the solution that are still in what students get: in given code, comments or text."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from grader.handout.making import PlacedBlank, SolvedNotebook
from grader.notebook.parsing import parse

# What `x = f(x)` has too, which says nothing of a solution; a statement with more operations is one's own.
_MOST_TRIVIAL = 1
_MOST_COMMON = 2  # operations of a value, which may stand in any statement
_SHORTEST_TEXT = 20  # characters of a written answer, below which it may stand anywhere
_OPERATIONS = (
    *(ast.Call, ast.BinOp, ast.Subscript, ast.Compare, ast.IfExp, ast.BoolOp),
    *(ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.SetComp),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A statement of the solution that students can read.

    Attributes:
        blank: the blank that it belongs to.
        text: the statement.
        where: the place in the handout.
    """

    blank: PlacedBlank
    text: str
    where: str


def leftovers(solved: SolvedNotebook) -> list[Leftover]:
    """Return every statement of a blank that also stands elsewhere in the handout.

    Statements of a single operation, such as ``x = x.to(device)``, and constants are not looked for, nor
    those that the author left in the blank on purpose.
    """
    places = list(_places(solved.handout()))
    found = []
    for placed in solved.blanks:
        left_on_purpose = {
            ast.dump(node) for node in _simple_statements(textwrap.dedent(placed.blank.instead))
        }
        for texts, key in _statements(placed):
            if key in left_on_purpose:
                continue
            where = next(
                (name for name, codes, plain in places if key in codes or _stands_in(texts, plain)), None
            )
            if where:
                found.append(Leftover(blank=placed, text=texts[0], where=where))
    return found


def _statements(placed: PlacedBlank) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the texts to look for of each statement, itself and a value worth it, and its syntax."""
    solution = textwrap.dedent(placed.blank.solution)
    if not placed.cell.number:
        if len(solution.strip()) >= _SHORTEST_TEXT:
            yield (solution.strip(),), ""
        return
    for node in _simple_statements(solution):
        if _operations(node) > _MOST_TRIVIAL:
            value = getattr(node, "value", None)
            values = (value,) if value is not None and _operations(value) > _MOST_COMMON else ()
            yield tuple(map(ast.unparse, (node, *values))), ast.dump(node)


def _operations(node: ast.AST) -> int:
    return sum(isinstance(part, _OPERATIONS) for part in ast.walk(node))


def _simple_statements(source: str) -> Iterator[ast.stmt]:
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):  # magics, or a block that begins with `else:`
        for line in source.split("\n"):
            if line.strip() != source:
                yield from _simple_statements(line.strip())
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            yield node


def _places(handout: NotebookNode) -> Iterator[tuple[str, frozenset[str], str]]:
    """Yield for each cell its name, the syntax of its statements, and its text, squeezed."""
    number = 0
    for cell in handout.cells:
        code = cell.cell_type == "code"
        number += code
        name = f"code cell {number}" if code else f"the text after code cell {number}"
        codes = frozenset(ast.dump(node) for node in _simple_statements(cell.source)) if code else frozenset()
        yield name, codes, _squeezed(cell.source)


def _stands_in(texts: Iterable[str], squeezed: str) -> bool:
    wanted = (
        each for each in map(_squeezed, texts) if each in squeezed
    )  # most are not, which is found at once
    return any(re.search(rf"(?<!\w){re.escape(each)}(?!\w)", squeezed) for each in wanted)


def _squeezed(text: str) -> str:
    """Return text without white space, quotes and signs of comments, as either quotes may be written."""
    return re.sub(r"[\s#'\"\\]+", "", text)
