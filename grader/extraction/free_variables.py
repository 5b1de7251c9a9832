"""Names that a definition takes from its notebook: which, from where, and what if nothing sets them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.extraction.matching import Candidate
from grader.extraction.statements import Statement
from grader.text import place

_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
KNOWN = frozenset(dir(builtins)) | {"__name__", "__file__", "get_ipython", "display"}
DEVICES = frozenset({"device", "DEVICE", "dev"})  # what the handout calls the device in use


@dataclass(frozen=True, slots=True)
class FreeVariable:
    """A variable of the notebook that a function reads although it is given all that it needs."""

    function: str
    name: str
    cell: int | str
    line: int
    set_at: str | None  # in words; None where nothing sets it

    def __str__(self) -> str:
        source = f"set in {self.set_at}" if self.set_at else "which nothing sets"
        return f"{self.name} ({place(self.cell, self.line)}; {source})"


def variables_read(
    name: str, candidate: Candidate, about: Mapping[str, Sequence[Statement]]
) -> list[FreeVariable]:
    """The notebook's variables that a function reads: not its helpers, modules and classes."""
    if not isinstance(candidate.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    found = []
    for read in sorted(candidate.statement.reads - _parameters(candidate.node)):
        setters = [s for s in about.get(read, ()) if read in s.binds]
        if not setters and (read in KNOWN or "*" in about):
            continue  # whatever a star import brought
        if any(isinstance(s.node, _DEFINES) for s in setters) or any(map(_is_function, setters[-1:])):
            continue
        node = _first_read(candidate.node, read)
        if node is not None:
            line = candidate.statement.line_of(node)
            set_at = place(setters[-1].cell, setters[-1].first) if setters else None
            found.append(FreeVariable(name, read, candidate.statement.cell, line, set_at))
    return found


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    return frozenset(
        argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    )


def _first_read(node: ast.AST, name: str) -> ast.AST | None:
    reads = (
        p for p in ast.walk(node) if isinstance(p, ast.Name) and p.id == name and isinstance(p.ctx, ast.Load)
    )
    return min(reads, key=lambda part: part.lineno, default=None)


def _is_function(statement: Statement) -> bool:
    return isinstance(statement.node, ast.Assign) and isinstance(statement.node.value, ast.Lambda)
