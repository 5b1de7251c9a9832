"""A contradiction that is found late leaves to a person what was earned by the other answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from classes import tiny_rubric

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.model import Verdict
from grader.options import Options

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the warm grader forks")
_CHECKS = '''
from grader.checks import NeedsReview, Unmet, criterion

@criterion("answer.given")
def check_an_answer_is_given(student):
    """An answer is given."""

@criterion("answer.right")
def check_the_answer_is_right(student):
    """The answer is 42."""
    raise Unmet("It is 41.")

@criterion("answer.secret")
def check_nothing_is_forbidden(student):
    """No word of the secret list occurs."""
    raise NeedsReview("Your answer contradicts itself.", doubts=["DOUBTED"])
'''


@pytest.mark.parametrize(
    ("doubted", "first"),
    [("answer", Verdict.ERROR), ("answer.given", Verdict.ERROR), ("answer.right", Verdict.PASS)],
)
def test_doubted_criteria_that_passed_are_left_to_a_person(
    tmp_path: Path, doubted: str, first: Verdict
) -> None:
    """One that failed stays as it was."""
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "check_answer.py").write_text(_CHECKS.replace("DOUBTED", doubted))
    with WarmGrader(str(folder)) as warm:
        grade = warm.grade(notebook(["def answer():\n    return 41"]), Options())
    given, right, secret = grade.criteria
    assert given.verdict is first
    assert given.earned == (given.possible if first is Verdict.PASS else 0)
    assert right.verdict is Verdict.FAIL
    assert secret.verdict is Verdict.ERROR
    assert grade.provisional
    if first is Verdict.ERROR:
        assert given.message == secret.message == "Your answer contradicts itself."
