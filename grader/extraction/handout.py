"""Comparison of a student's code with the handout's, by syntax, without comments, docstrings and layout."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grader.errors import NotebookError, UsageError
from grader.extraction.statements import DEFINITION_NODES, Statement, statements
from grader.extraction.student_source import StudentSource
from grader.notebook.submission import Submission, read_notebook
from grader.notebook.syntax import parse_cell


@dataclass(frozen=True, slots=True)
class Handout:
    """The notebook that every student was given: its statements, and those that define something."""

    statements: frozenset[str]
    definitions: frozenset[str]

    def has_own_work(self, source: StudentSource) -> bool:
        """Return whether anything that is graded differs from the handout."""
        modules = (statement for module in source.modules.values() for statement in module.statements)
        own = (each for each in [*source.statements, *modules] if each.cell != "the grader")
        return not syntax_keys(own) <= self.statements

    def equals(self, submission: Submission, source: StudentSource) -> bool:
        """Return whether a notebook defines just what the handout does; what it only runs does not count."""
        if source.problems or not self.definitions:
            return False
        found, _ = statements([parse_cell(cell) for cell in submission.cells])
        return syntax_keys(_definitions(found)) == self.definitions


NO_HANDOUT = Handout(frozenset(), frozenset())


def read_handout(path: Path | None) -> Handout:
    """Return the handout's statements; an empty handout if there is none.

    Raises:
        UsageError: it cannot be read.
    """
    return _read_handout(path) if path else NO_HANDOUT


@lru_cache(maxsize=4)
def _read_handout(path: Path) -> Handout:
    try:
        submission = read_notebook(path, path.stem)
    except NotebookError as error:
        raise UsageError(f"the handout {path} cannot be read: {error}") from error
    found, _ = statements([parse_cell(cell) for cell in submission.cells])
    return Handout(syntax_keys(found), syntax_keys(_definitions(found)))


def _definitions(found: Iterable[Statement]) -> Iterable[Statement]:
    return (statement for statement in found if isinstance(statement.node, DEFINITION_NODES))


def syntax_keys(found: Iterable[Statement]) -> frozenset[str]:
    """Return the statements' syntax as text, without comments, docstrings and layout."""
    return frozenset(ast.dump(_WithoutDocstrings().visit(copy.deepcopy(each.node))) for each in found)


class _WithoutDocstrings(ast.NodeTransformer):
    """Removes the docstrings of functions and classes."""

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, DEFINITION_NODES) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)
