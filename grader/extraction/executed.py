"""Put statements that ``exec`` runs from a text or a file in the place of the call."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Sequence

from grader.extraction.candidates import last_name
from grader.extraction.statements import Statement, statements
from grader.notebook.formats import Cell
from grader.notebook.syntax import ParsedCell, Problem, parse_cell

MAX_EXECUTED = 100  # calls of exec in one notebook
_READS = frozenset({"read", "read_text"})
_OPENS = frozenset({"open", "Path"})


def with_executed(
    found: Sequence[Statement], source_of: Callable[[str], Sequence[ParsedCell]]
) -> tuple[list[Statement], list[Problem]]:
    """Return the statements with those that ``exec`` runs at top level, and the problems in the latter.

    A call whose text is not known before anything runs stays as it is.

    Args:
        found: the notebook's statements.
        source_of: returns the parsed source of a file that the notebook opens.
    """
    everything: list[Statement] = []
    problems: list[Problem] = []
    texts: dict[str, tuple[Statement, ast.expr]] = {}
    left = MAX_EXECUTED
    for statement in found:
        parts = _executed(statement, texts, source_of) if left else ()
        if parts:
            left -= 1
            inside, unreadable = statements(parts)
            everything += inside
            problems += unreadable
        else:
            everything.append(statement)
        match statement.node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                texts[name] = (statement, value)
    return everything, problems


def _executed(
    statement: Statement,
    texts: dict[str, tuple[Statement, ast.expr]],
    source_of: Callable[[str], Sequence[ParsedCell]],
) -> Sequence[ParsedCell]:
    """Return the source that a statement passes to ``exec``; () if it is another statement."""
    match statement.node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="exec"), args=[given, *_])):
            pass
        case _:
            return ()
    if isinstance(given, ast.Call) and last_name(given.func) == "compile" and given.args:
        given = given.args[0]
    where = statement
    if isinstance(given, ast.Name) and given.id in texts:
        where, given = texts[given.id]
    if (file := _file_read(given)) is not None:
        return source_of(file)
    text = _text(given)
    if text is None:
        return ()
    # Empty lines above give its lines the numbers that they have in the cell.
    return (parse_cell(Cell(where.cell, "\n" * (where.line_of(given) - 1) + text)),)


def _text(node: ast.expr) -> str | None:
    """Return the text of a literal, also inside ``textwrap.dedent``."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Call(func=func, args=[ast.Constant(value=str(text))]) if last_name(func) == "dedent":
            return textwrap.dedent(text)
    return None


def _file_read(node: ast.expr) -> str | None:
    """Return the path in ``open("a.py").read()`` or ``Path("a.py").read_text()``."""
    match node:
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=opener, args=[ast.Constant(value=str(path)), *_]), attr=attr
            )
        ) if attr in _READS and last_name(opener) in _OPENS:
            return path
    return None
