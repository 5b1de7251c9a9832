"""Adding up: the worst check speaks for a criterion, and nothing is lost silently."""

from __future__ import annotations

from typing import Any

import pytest

from grader.extraction.student_source import StudentSource
from grader.judging import score
from grader.model import Grade
from grader.notebook.submission import Submission
from grader.options import Options, Outcome
from grader.rubric import Rubric

RUBRIC = Rubric.load("ddpm")
SUBMISSION = Submission(name="s", path="s.ipynb", sha256="0", cells=())
SOURCE = StudentSource(statements=(), definitions=(), missing=(), dropped=(), problems=())


def _check(criterion: str, verdict: str, credit: float = 0.0, message: str = "why") -> dict[str, Any]:
    empty = dict.fromkeys(("expected", "actual", "reading", "misconception"))
    return {
        "criterion": criterion,
        "verdict": verdict,
        "credit": credit,
        "message": message,
        "seconds": 1.0,
        **empty,
    }


def _grade(*checks: dict[str, Any], failure: str | None = None, **options: Any) -> Grade:
    outcome = Outcome(checks=list(checks), failure=failure)
    return score.grade(SUBMISSION, SOURCE, RUBRIC, outcome, Options(**options), {})


def _only(grade: Grade) -> Any:
    (result,) = grade.criteria
    return result


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "blocked"], "blocked"),
        (["blocked", "fail", "pass"], "fail"),
        (["fail", "error"], "error"),
    ],
)
def test_the_worst_check_speaks_for_its_criterion(verdicts: list[str], worst: str) -> None:
    checks = [
        _check("schedule.betas", verdict, 1.0 if verdict == "pass" else 0.0, verdict) for verdict in verdicts
    ]
    result = _only(_grade(*checks, only=("schedule.betas",)))
    assert (result.verdict, result.message) == (worst, worst)
    assert result.earned == (4 if worst == "pass" else 0)


def test_partial_credit_is_a_fail_that_earns() -> None:
    result = _only(
        _grade(_check("forward.noise_coefficient", "fail", 0.5), only=("forward.noise_coefficient",))
    )
    assert (result.verdict, result.earned, result.possible) == ("fail", 2.5, 5)


def test_a_criterion_that_nothing_spoke_for_makes_the_grade_provisional() -> None:
    """The judge stopped: that is ours, and never silently a zero."""
    grade = _grade(failure="out of memory", only=("schedule.betas",))
    assert _only(grade).verdict == "error"
    assert grade.provisional
    assert "out of memory" in grade.notes[0]


def test_what_quick_leaves_out_is_neither_earned_nor_lost() -> None:
    checks = [
        _check(criterion.id, "pass", 1.0) for criterion in RUBRIC.criteria if not criterion.needs_training
    ]
    grade = _grade(*checks, quick=True)
    assert (grade.earned, grade.possible) == (96, 96)
    assert not grade.provisional
    assert any(note.startswith("train.learns (4 points) was skipped") for note in grade.notes)


def test_the_points_are_those_that_were_promised() -> None:
    by_exercise = {n: sum(c.points for c in RUBRIC.criteria if c.exercise == n) for n in RUBRIC.exercises}
    assert by_exercise == {0: 0, 1: 28, 2: 44, 3: 28}
