"""All edits that the mutation operators offer for a source text."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from grader.audit.mutation import expressions, statements, variables
from grader.audit.mutation.edit import Proposal


def proposals(module: cst.Module) -> list[Proposal]:
    """Return every edit inside the definitions of a module; what it runs at its top level stays as it is."""
    found: list[Proposal] = []
    for statement in module.body:
        if isinstance(statement, cst.FunctionDef | cst.ClassDef):
            found += _in_bodies(statement)
    return [*found, *variables.proposals(module)]


def _in_bodies(definition: cst.CSTNode) -> Iterator[Proposal]:
    collector = _Nodes()
    definition.visit(collector)
    for node in collector.nodes:
        yield from expressions.proposals(node)
        yield from statements.proposals(node)


class _Nodes(cst.CSTVisitor):
    """Collects the nodes of function bodies; not those of text that is only printed."""

    def __init__(self) -> None:
        self.nodes: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FormattedString | cst.Annotation | cst.Assert | cst.Param):
            return False
        self.nodes.append(node)
        return True
