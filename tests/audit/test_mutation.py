"""Mutation operators offer small edits of a source text, all of them Python."""

from __future__ import annotations

import libcst as cst
import pytest

from grader.audit.mutation.edit import Edit, apply
from grader.audit.mutation.operators import proposals

SOURCE = """\
import math

LIMIT = 3


def area(width, height, scale=2):
    total = 0.0
    for row in range(1, height):
        part = width * math.sqrt(row)
        total += part - scale
    if total > LIMIT:
        total = total / height
    with open("log") as file:
        file.write("done")
    return total, part[0]
"""


def _edits() -> list[Edit]:
    module = cst.parse_module(SOURCE)
    return [edit for proposal in proposals(module) if (edit := apply(module, proposal))]


EDITS = _edits()


@pytest.mark.parametrize(
    ("operator", "line"),
    [
        ("operator", "        part = (width / math.sqrt(row))"),
        ("operands exchanged", "        total += (scale - part)"),
        ("operand dropped", "        total += part"),
        ("comparison", "    if total >= LIMIT:"),
        ("constant", "    for row in range(2, height):"),
        ("constant", "    total = 1.0"),
        ("index", "    return total, part[-1]"),
        ("call", "        part = width * math.square(row)"),
        ("call dropped", "        part = width * row"),
        ("argument dropped", "    for row in range(height):"),
        ("arguments exchanged", "    for row in range(height, 1):"),
        ("scale", "        part = (2 * width * math.sqrt(row))"),
        ("variable", "        total += width - scale"),
        ("line", "        total = part - scale"),
        ("condition", "    if not (total > LIMIT):"),
        ("context dropped", "    if True:"),
        ("elements exchanged", "    return part[0], total"),
    ],
)
def test_an_operator_offers_the_line(operator: str, line: str) -> None:
    found = [edit for edit in EDITS if edit.operator == operator and line in edit.source.splitlines()]
    assert found, [edit.diff for edit in EDITS if edit.operator == operator]


@pytest.mark.parametrize(
    ("operator", "diff"),
    [
        ("line deleted", "-        total += part - scale"),
        ("line repeated", "+        total += part - scale"),
        (
            "line before the loop",
            "+    part = width * math.sqrt(row)\n-        part = width * math.sqrt(row)",
        ),
        ("line after the loop", "-        total += part - scale\n+    total += part - scale"),
        ("line into the loop", "-    total = 0.0\n+        total = 0.0"),
    ],
)
def test_lines_are_deleted_repeated_and_moved(operator: str, diff: str) -> None:
    assert any(edit.operator == operator and edit.diff == diff for edit in EDITS), [
        edit.diff for edit in EDITS if edit.operator == operator
    ]


def test_what_runs_at_the_top_level_stays_as_it_is() -> None:
    assert all("LIMIT = 3" in edit.source and "import math" in edit.source for edit in EDITS)


def test_an_edit_knows_its_lines() -> None:
    edit = next(edit for edit in EDITS if "total >= LIMIT" in edit.source)
    assert edit.lines == (11,)


def test_every_edit_changes_the_text_and_is_python() -> None:
    for edit in EDITS:
        assert edit.source != SOURCE
        compile(edit.source, "<edited>", "exec")
