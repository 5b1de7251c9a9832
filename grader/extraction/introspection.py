"""Point out code that inspects or manipulates the interpreter, so that a TA can look at it.

No solution needs it, but it costs no points. Hidden uses go unnoticed: the grader's security rests on the
sandbox and on the judge, not on this module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from grader.extraction.statements import Statement
from grader.text import place

MAX_NOTES = 5
_MODULES = {"ctypes", "gc", "_ctypes", "faulthandler"}
_MEMBERS = {
    *("sys._getframe", "sys.modules", "sys.settrace", "sys.setprofile", "sys.meta_path"),
    *("inspect.stack", "inspect.currentframe", "os._exit", "os.fork", "os.kill"),
}
_ATTRIBUTES = {"f_back", "f_globals", "f_locals", "__globals__", "__subclasses__", "__closure__", "tb_frame"}


def notes(statements: Iterable[Statement]) -> list[str]:
    """Return a note for each such name, with the first place that uses it; at most ``MAX_NOTES``."""
    found: dict[str, str] = {}
    for statement in statements:
        for node in ast.walk(statement.node):
            for name in _introspective_names(node):
                found.setdefault(name, place(statement.cell, statement.line_of(node)))
    return [
        f"Your code uses `{name}` ({where}). No solution needs it, so a TA will take a look."
        for name, where in list(found.items())[:MAX_NOTES]
    ]


def _introspective_names(node: ast.AST) -> Iterator[str]:
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
