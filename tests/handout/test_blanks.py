"""The markers of a solved notebook's cells, in the three dialects."""

from __future__ import annotations

import pytest

from grader.errors import UsageError
from grader.handout.blanks import MarkedCell, read_marked_cell

ALL = range(100)


def _code(source: str, **options: bool) -> MarkedCell:
    return read_marked_cell(source, code=True, **options)


def test_nbgraders_block_becomes_nbgraders_words_at_its_indentation() -> None:
    cell = _code("def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION\n")
    assert cell.text(ALL) == "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert cell.text(()) == "def f(x):\n    y = x\n    return y"


@pytest.mark.parametrize(
    ("source", "handed_out"),
    [
        ("a = 1\n# BEGIN SOLUTION\nb = 2\n# END SOLUTION", "a = 1\n..."),
        ("a = 1\n# BEGIN SOLUTION NO PROMPT\nb = 2\n# END SOLUTION", "a = 1"),
        ("square = f(y=3) # SOLUTION", "square = ..."),
        ("    self.a[0], b = f(x == 3), 2  # SOLUTION", "    self.a[0], b = ..."),
        ("größe: int = 4 # SOLUTION", "größe: int = ..."),
        ("größe = (a + b) # SOLUTION", "größe = ..."),
        ("(a), b = c = (yield) # SOLUTION", "(a), b = c = ..."),
        ("    return f(x=3) # SOLUTION", "    ..."),
        ("import torch\nimport solution # SOLUTION NO PROMPT", "import torch"),
        (
            "# BEGIN SOLUTION NO PROMPT\nx = 1\n# END SOLUTION\n"
            '""" # BEGIN PROMPT\nx = None\n"""; # END PROMPT',
            "x = None",
        ),
    ],
)
def test_otters_markers(source: str, handed_out: str) -> None:
    assert _code(source).text(ALL) == handed_out


def test_lines_of_the_authors_own_stand_in_a_blank() -> None:
    source = """
def f(steps):
    # BEGIN SOLUTION: order, formula
    #> # TO DO
    #>
    #> for step in []:
    #>     pass
    for step in steps:
        work(step)
    # END SOLUTION
    return None"""
    cell = _code(source)
    assert (
        cell.text(ALL) == "def f(steps):\n    # TO DO\n\n    for step in []:\n        pass\n    return None"
    )
    assert "#>" not in cell.text(())
    assert cell.blanks[0].criteria == ("order", "formula")
    assert cell.blanks[0].line == 3


def test_tests_and_schemes_for_marking_are_in_neither_notebook() -> None:
    source = "assert f(1)\n### BEGIN HIDDEN TESTS\nassert f(2)\n### END HIDDEN TESTS\nprint(1)"
    cell = _code(source)
    assert cell.text(ALL) == cell.text(()) == "assert f(1)\nprint(1)"


def test_nbgraders_scheme_for_marking_is_gone() -> None:
    source = (
        "Draw a UNet.\n\n=== BEGIN MARK SCHEME ===\nTwo points for skips.\n=== END MARK SCHEME ===\nBriefly."
    )
    assert read_marked_cell(source, code=False).text(()) == "Draw a UNet.\n\nBriefly."


def test_only_the_chosen_blank_is_empty() -> None:
    cell = _code("# BEGIN SOLUTION\na = 1\n# END SOLUTION\nb = 2\n# BEGIN SOLUTION\nc = 3\n# END SOLUTION")
    assert cell.text((1,)) == "a = 1\nb = 2\n..."


def test_neighbouring_lines_are_one_blank() -> None:
    cell = _code("a = 1 # SOLUTION\nb = 2 # SOLUTION\nc = 3")
    assert [blank.solution for blank in cell.blanks] == ["a = 1\nb = 2"]
    assert cell.text(ALL) == "a = ...\nb = ...\nc = 3"


def test_a_written_answer_is_marked_by_comments() -> None:
    source = "Why?\n\n<!-- BEGIN SOLUTION -->\nBecause.\n<!-- END SOLUTION -->"
    assert (
        read_marked_cell(source, code=False).text(ALL)
        == "Why?\n\n_Type your answer here, replacing this text._"
    )
    nbgrader = read_marked_cell(source, code=False, nbgrader=True)
    assert nbgrader.text(ALL) == "Why?\n\nYOUR ANSWER HERE"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a = 1\n# BEGIN SOLUTION\nb = 2", "line 2 begins a block that has no end"),
        ("a = 1\n# END SOLUTION", "line 2 ends a block that does not begin"),
        (
            "# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION",
            "line 2 lies in the block that begins in line 1",
        ),
        ("# BEGIN SOLUTION\n### END HIDDEN TESTS", "line 2 lies in the block that begins in line 1"),
        ('""" # BEGIN PROMPT\nx = 1', "line 1 begins a prompt that has no END PROMPT"),
        ("a = 1\n# BEGIN SOLUTION (mine)\nb = 2\n# END SOLUTION (mine)", "line 2 looks like a marker"),
        ("# begin solution\nb = 2\n# end solution", "line 1 looks like a marker"),
        ("a = 1\nb = a + 1  # SOLUTION: one more", "line 2 looks like a marker"),
        ("# SOLUTION\nb = 2", "line 1 looks like a marker"),
    ],
)
def test_a_marker_without_its_counterpart_is_refused(source: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        _code(source)


def test_a_comment_that_mentions_a_solution_is_no_marker() -> None:
    source = "x = 1  # the SOLUTION is below\n# BEGIN SOLUTIONS of the equation\ny = 2"
    assert _code(source).blanks == ()


def test_a_long_line_is_read_as_fast_as_others() -> None:
    line = "x = 1" + " " * 1_000_000 + "+ 2"
    assert _code(line).text(ALL) == line  # over an hour, if every space could begin the marker
