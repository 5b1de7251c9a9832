"""The modules beside a notebook: what of them is run, and which definitions can be reached."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.extraction.local_modules import is_package
from grader.extraction.matching import Candidate, candidates_in
from grader.extraction.side_effects import is_cheap
from grader.extraction.statements import Statement, statements
from grader.notebook.submission import Submission
from grader.notebook.syntax import Problem

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def modules_of(submission: Submission) -> tuple[dict[str, tuple[Statement, ...]], list[Problem]]:
    """The modules beside the notebook, each less what works at its top level."""
    modules: dict[str, tuple[Statement, ...]] = {}
    problems: list[Problem] = []
    for name, cell in submission.modules.items():
        package = name if is_package(cell) else name.rpartition(".")[0]
        inside, wrong = statements([cell], package)
        modules[name] = tuple(s for s in inside if is_definition(s.node) or is_cheap(s.node, never=()))
        problems += wrong
    return modules, problems


def is_definition(node: ast.stmt) -> bool:
    """Whether a statement does nothing but define or import."""
    return isinstance(node, (*DEFINITIONS, ast.Import, ast.ImportFrom))


def with_star_names(statement: Statement, modules: Mapping[str, tuple[Statement, ...]]) -> Statement:
    """A star import from a module beside the notebook binds the names that the module binds."""
    node = statement.node
    if not isinstance(node, ast.ImportFrom) or "*" not in statement.binds:
        return statement
    if not node.module or node.module not in modules:
        return statement
    names = {name for each in modules[node.module] for name in each.binds if not name.startswith("_")}
    return replace(statement, binds=frozenset(names - {"*"}))


def reachable(found: Sequence[Statement], modules: Mapping[str, tuple[Statement, ...]]) -> list[Candidate]:
    """Definitions in modules beside the notebook, by the name that the notebook reaches them by."""
    reachable = []
    for statement in found:
        node = statement.node
        if isinstance(node, ast.ImportFrom) and node.module and node.module in modules:
            names = {alias.name: alias.asname or alias.name for alias in node.names}
            for each in candidates_in(_with_imported(node.module, modules)):
                first, _, rest = each.target.partition(".")
                if first in names or "*" in names:
                    target = ".".join(filter(None, [names.get(first, first), rest]))
                    reachable.append(replace(each, target=target))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                for each in candidates_in(modules.get(alias.name, ())):
                    reachable.append(replace(each, target=f"{alias.asname or alias.name}.{each.target}"))
    return reachable


def _with_imported(
    module: str, modules: Mapping[str, tuple[Statement, ...]], seen: frozenset[str] = frozenset()
) -> list[Statement]:
    """A module's statements, and those of the modules that it imports names from itself."""
    inside = list(modules.get(module, ()))
    for statement in modules.get(module, ()):
        node = statement.node
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (node.module, f"{module}.{node.module}", f"{module.rpartition('.')[0]}.{node.module}")
            other = next((name for name in names if name in modules), None)
            if other and other not in seen | {module}:
                inside += _with_imported(other, modules, seen | {module})
    return inside
