"""Free variables: notebook variables that a function reads although its arguments should be enough."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.extraction.candidates import Candidate
from grader.extraction.statements import Statement, is_definition
from grader.text import place

# Names that need no statement to define them: builtins, and what a module or a notebook predefines.
PREDEFINED = frozenset(dir(builtins)) | {"__name__", "__file__", "get_ipython", "display"}
# Names that the handout's code gives the device in use. The grader supplies one that nothing defines.
DEVICE_NAMES = frozenset({"device", "DEVICE", "dev"})


@dataclass(frozen=True, slots=True)
class FreeVariable:
    """A notebook variable that a function reads.

    Attributes:
        function: the function's name in the rubric.
        name: the variable.
        cell, line: where the function reads it first.
        set_at: where it was set last, in words; None if no statement sets it.
    """

    function: str
    name: str
    cell: int | str
    line: int
    set_at: str | None

    def __str__(self) -> str:
        source = f"set in {self.set_at}" if self.set_at else "never defined"
        return f"{self.name} ({place(self.cell, self.line)}; {source})"


def find_free_variables(
    function: str, candidate: Candidate, by_name: Mapping[str, Sequence[Statement]]
) -> list[FreeVariable]:
    """Return the notebook variables that a function reads; helpers, modules and classes are not variables.

    Args:
        function: the function's name in the rubric.
        candidate: its definition in the notebook.
        by_name: statements by each name that they bind or patch.
    """
    if not isinstance(candidate.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return []
    found = []
    for name in sorted(candidate.statement.reads - _parameters(candidate.node)):
        setters = [s for s in by_name.get(name, ()) if name in s.binds]
        if not setters and (name in PREDEFINED or "*" in by_name):
            continue  # a star import may have brought it
        if any(is_definition(s.node) for s in setters) or any(map(_is_lambda, setters[-1:])):
            continue
        node = _first_read(candidate.node, name)
        if node is not None:
            line = candidate.statement.line_of(node)
            set_at = place(setters[-1].cell, setters[-1].first_line) if setters else None
            found.append(FreeVariable(function, name, candidate.statement.cell, line, set_at))
    return found


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    return frozenset(
        argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    )


def _is_lambda(statement: Statement) -> bool:
    return isinstance(statement.node, ast.Assign) and isinstance(statement.node.value, ast.Lambda)


def _first_read(node: ast.AST, name: str) -> ast.AST | None:
    reads = (
        p for p in ast.walk(node) if isinstance(p, ast.Name) and p.id == name and isinstance(p.ctx, ast.Load)
    )
    return min(reads, key=lambda part: part.lineno, default=None)
