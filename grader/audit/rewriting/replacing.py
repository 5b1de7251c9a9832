"""Replace single statements of a notebook, given and returned as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from grader.audit.rewriting.draft import Draft
from grader.audit.rewriting.trees import definitions, replaced, statements

Change = Callable[[Any], str | None]
"""Returns the statements in place of a node, in text, or None to leave it."""


def replace_one(draft: Draft, kind: type, change: Change) -> bool:
    """Replace one statement of a kind, anywhere in a cell."""
    for cell, module in draft.modules():
        found: list[cst.CSTNode] = []

        class Collect(cst.CSTVisitor):
            def on_visit(self, node: cst.CSTNode) -> bool:
                if isinstance(node, kind):
                    found.append(node)  # noqa: B023
                return True

        module.visit(Collect())
        draft.rng.shuffle(found)
        for node in found:
            text = change(node)
            if text is not None:
                draft.cells[cell] = replaced(module, node, *statements(text))
                return True
    return False


def in_functions(draft: Draft, kind: type, change: Change) -> bool:
    """Like ``replace_one``, within functions only: a class body or a comprehension has other rules."""
    for definition in definitions(draft):
        found: list[cst.CSTNode] = []

        class Collect(cst.CSTVisitor):
            def on_visit(self, node: cst.CSTNode) -> bool:
                if isinstance(node, kind):
                    found.append(node)  # noqa: B023
                return not isinstance(node, cst.ClassDef)

        definition.function.visit(Collect())
        draft.rng.shuffle(found)
        for node in found:
            if (text := change(node)) is not None:
                draft.cells[definition.cell] = replaced(definition.module, node, *statements(text))
                return True
    return False
