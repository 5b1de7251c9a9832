"""Points out code that reaches for the interpreter's insides, which no solution needs: a person should look.

It costs no points, and whoever hides it well is not found: the walls and the judge do not rely on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from grader.extraction.statements import Statement

_MODULES = {"ctypes", "gc", "_ctypes", "faulthandler"}
_MEMBERS = {
    *("sys._getframe", "sys.modules", "sys.settrace", "sys.setprofile", "sys.meta_path"),
    *("inspect.stack", "inspect.currentframe", "os._exit", "os.fork", "os.kill"),
}
_ATTRIBUTES = {"f_back", "f_globals", "f_locals", "__globals__", "__subclasses__", "__closure__", "tb_frame"}
_MOST = 5  # notes; further ones say nothing new


def notes(statements: Iterable[Statement]) -> list[str]:
    """A sentence for each such place in what was lifted from a notebook, the first few."""
    found: dict[str, str] = {}
    for statement in statements:
        for node in ast.walk(statement.node):
            for what in _reached(node):
                line = statement.line + getattr(node, "lineno", 0) - statement.node.lineno
                found.setdefault(what, f"Cell {statement.cell}, line {max(line, 1)}")
    places = list(found.items())[:_MOST]
    return [f"{place} uses `{what}`, which no solution needs: a TA should look." for what, place in places]


def _reached(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names if alias.name.partition(".")[0] in _MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            if module.partition(".")[0] in _MODULES:
                yield module
            yield from (f"{module}.{a.name}" for a in names if f"{module}.{a.name}" in _MEMBERS)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if f"{name}.{attribute}" in _MEMBERS:
            yield f"{name}.{attribute}"
        case ast.Attribute(attr=attribute) if attribute in _ATTRIBUTES:
            yield attribute
