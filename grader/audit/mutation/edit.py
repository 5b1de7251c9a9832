"""Edit of one node in a source text, and all edits that the operators offer for it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import libcst as cst


class Proposal(NamedTuple):
    """One node of a tree and its replacement, by the name of the operator that proposes it."""

    operator: str
    node: cst.CSTNode
    replacement: cst.CSTNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A source text after one edit.

    Attributes:
        operator: name of the kind of edit.
        source: the edited text.
        lines: numbers of the lines of the original text that were changed or removed, from 1; of a line
            that was only added, the number of the line before it.
        diff: the edit as a unified diff without header.
    """

    operator: str
    source: str
    lines: tuple[int, ...]
    diff: str


def apply(module: cst.Module, proposal: Proposal) -> Edit | None:
    """Return the text of a module after an edit; None if that changes nothing or is no Python."""
    edited = module.deep_replace(proposal.node, proposal.replacement)
    assert isinstance(edited, cst.Module)
    before, after = module.code, edited.code
    if before == after or not _compiles(after):
        return None
    return Edit(
        operator=proposal.operator,
        source=after,
        lines=tuple(_changed_lines(before, after)),
        diff=_diff(before, after),
    )


def _compiles(source: str) -> bool:
    try:
        compile(source, "<edited>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _changed_lines(before: str, after: str) -> Iterator[int]:
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for tag, first, last, _, _ in matcher.get_opcodes():
        if tag == "insert":
            yield max(first, 1)
        elif tag != "equal":
            yield from range(first + 1, last + 1)


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
