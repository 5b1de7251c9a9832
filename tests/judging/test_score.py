"""Scoring: the worst check decides a criterion, and no point is lost silently."""

from __future__ import annotations

import platform
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from grader import __version__
from grader.extraction.student_source import StudentSource
from grader.judging import score
from grader.model import Grade, Misconception
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
def test_a_criterion_has_the_verdict_of_its_worst_check(verdicts: list[str], worst: str) -> None:
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


def test_a_criterion_without_a_verdict_makes_the_grade_provisional() -> None:
    """A judge that stops is an error of the grader, never silently a zero."""
    grade = _grade(failure="out of memory", only=("schedule.betas",))
    assert _only(grade).verdict == "error"
    assert grade.provisional
    assert "out of memory" in grade.notes[0]


def test_points_that_quick_skips_are_neither_earned_nor_lost() -> None:
    checks = [
        _check(criterion.id, "pass", 1.0) for criterion in RUBRIC.criteria if not criterion.needs_training
    ]
    grade = _grade(*checks, quick=True)
    assert (grade.earned, grade.possible) == (96, 96)
    assert not grade.provisional
    reason = "--quick leaves training out, so its points are neither earned nor lost."
    assert f"train.learns (4 points) was skipped: {reason}" in grade.notes


def test_the_exercises_have_the_announced_points() -> None:
    by_exercise = {n: sum(c.points for c in RUBRIC.criteria if c.exercise == n) for n in RUBRIC.exercises}
    assert by_exercise == {0: 0, 1: 28, 2: 44, 3: 28}


def test_all_that_a_check_said_stands_in_the_result() -> None:
    said = {"expected": "1", "actual": "2", "reading": "paper", "seconds": 1.2345, "message": "A fact."}
    check = {**_check("schedule.betas", "fail", 0.25), **said}
    result = _only(_grade(check, only=("schedule.betas",)))
    criterion = next(each for each in RUBRIC.criteria if each.id == "schedule.betas")
    assert (result.id, result.title, result.exercise) == (criterion.id, criterion.title, 1)
    assert (result.expected, result.actual, result.reading) == ("1", "2", "paper")
    assert (result.message, result.earned, result.credit) == ("A fact.", 1.0, 0.25)
    assert (result.seconds, result.visibility) == (1.234, "public")
    assert (result.misconception, result.mistake, result.hint) == (None, None, criterion.hint)


def test_hints_are_for_what_was_lost() -> None:
    for verdict in ("pass", "blocked", "error"):
        assert _only(_grade(_check("schedule.betas", verdict), only=("schedule.betas",))).hint is None


def _known(**fields: Any) -> Rubric:
    known = Misconception(id="odd", criteria=("schedule.betas",), title="An odd mistake", **fields)
    return replace(RUBRIC, misconceptions={"odd": known})


def _charged(rubric: Rubric, message: str = "It is 3", credit: float = 0.0, verdict: str = "fail") -> Any:
    check = {**_check("schedule.betas", verdict, credit, message), "misconception": "odd"}
    options = Options(only=("schedule.betas",))
    return _only(score.grade(SUBMISSION, SOURCE, rubric, Outcome(checks=[check]), options, {}))


@pytest.mark.parametrize(
    ("fact", "message"),
    [("It is 3", "It is 3. Odd."), ("It is 3.", "It is 3. Odd."), ("3?", "3? Odd."), ("3!", "3! Odd.")],
)
def test_a_recognised_misconception_is_named_after_the_fact(fact: str, message: str) -> None:
    result = _charged(_known(says="Odd."), fact)
    assert (result.message, result.misconception, result.mistake) == (message, "odd", "An odd mistake")


def test_a_misconception_without_words_leaves_the_fact_as_it_is() -> None:
    assert _charged(_known()).message == "It is 3"


def test_a_misconception_has_its_own_hint_credit_and_reading() -> None:
    result = _charged(_known(hint="Look at the scale.", reread="Exercise 1", credit=0.5))
    assert result.hint == "Look at the scale. Reread 'Exercise 1' in the handout."
    assert (result.credit, result.earned) == (0.5, 2)
    assert _charged(_known(credit=0.5), credit=0.75).credit == 0.75
    rubric = _known(reread="Exercise 1")
    plain = replace(rubric, criteria=tuple(replace(each, hint="Try it.") for each in rubric.criteria))
    assert _charged(plain).hint == "Try it. Reread 'Exercise 1' in the handout."
    assert _charged(_known(hint="Reread the sheet.", reread="Exercise 1")).hint == "Reread the sheet."


def test_only_a_fail_is_charged_to_a_misconception() -> None:
    result = _charged(_known(says="Odd.", credit=0.5), verdict="blocked")
    assert (result.message, result.mistake, result.credit) == ("It is 3", None, 0)


def test_a_hidden_criterion_stays_hidden() -> None:
    hidden = replace(RUBRIC, criteria=tuple(replace(each, visibility="hidden") for each in RUBRIC.criteria))
    outcome = Outcome(checks=[_check("schedule.betas", "pass", 1)])
    result = _only(score.grade(SUBMISSION, SOURCE, hidden, outcome, Options(only=("schedule.betas",)), {}))
    assert result.visibility == "hidden"


def test_points_are_rounded_to_hundredths() -> None:
    assert _only(_grade(_check("schedule.betas", "fail", 1 / 3), only=("schedule.betas",))).earned == 1.33


def test_of_several_fails_the_least_credit_counts() -> None:
    checks = [_check("schedule.betas", "fail", credit) for credit in (0.5, 0.25)]
    checks.append(_check("schedule.betas", "pass", 1))
    result = _only(_grade(*checks, only=("schedule.betas",)))
    assert (result.credit, result.seconds) == (0.25, 3)


def test_the_order_of_failed_checks_changes_nothing() -> None:
    """The least credit counts, that of a recognised mistake included, with the words of that check."""
    rubric = _known(says="Odd.", credit=0.75)
    checks = [
        {**_check("schedule.betas", "fail", 0.0, "a recognised one"), "misconception": "odd"},
        {**_check("schedule.betas", "fail", 0.5, "half of it"), "expected": "1"},
        {**_check("schedule.betas", "fail", 0.5, "half of it"), "expected": "2"},
        _check("schedule.betas", "pass", 1.0, "right"),
    ]
    options = Options(only=("schedule.betas",))
    results = {
        _only(score.grade(SUBMISSION, SOURCE, rubric, Outcome(checks=list(order)), options, {}))
        for order in permutations(checks)
    }
    (result,) = results
    assert (result.credit, result.message, result.expected) == (0.5, "half of it", "1")
    assert (result.misconception, result.mistake) == (None, None)


def test_a_skipped_check_is_listed_with_its_reason_and_its_points() -> None:
    grade = _grade(_check("schedule.betas", "skipped", message="no data here."), only=("schedule.betas",))
    assert grade.criteria == ()
    assert grade.notes == ("schedule.betas (4 points) was skipped: no data here.",)


def test_a_check_that_ran_outweighs_a_skipped_one() -> None:
    checks = [_check("schedule.betas", "skipped"), _check("schedule.betas", "blocked", message="why not")]
    assert _only(_grade(*checks, only=("schedule.betas",))).message == "why not"


def test_the_judges_failure_is_the_first_note_and_the_reason() -> None:
    outcome = Outcome(
        notes=["A note."], failure="out of memory", seconds={"start": 1.0}, conventions={"train": "x"}
    )
    options = Options(only=("schedule.betas",), seed=5, threads=2, device="cpu", data="digits", quick=True)
    grade = score.grade(SUBMISSION, SOURCE, RUBRIC, outcome, options, {"total": 2.0})
    assert grade.notes == (
        "The grader itself failed (out of memory); a TA must review this grade.",
        "A note.",
    )
    assert _only(grade).message == "The grader stopped before this was checked (out of memory)."
    assert grade.seconds == {"start": 1.0, "total": 2.0}
    assert grade.extraction["conventions"] == {"train": "x"}
    assert grade.submission == {"name": "s", "path": "s.ipynb", "sha256": "0"}
    assert grade.rubric == {"id": "ddpm", "digest": RUBRIC.digest}


def test_a_criterion_without_a_check_is_an_error_of_the_grader() -> None:
    grade = _grade(only=("schedule.betas",))
    assert _only(grade).message == "The grader stopped before this was checked (no check reported a verdict)."
    assert grade.provisional


def test_the_environment_holds_what_reproduces_the_run() -> None:
    options = Options(
        only=("schedule.betas",),
        mapped=(("UNet", "Net"),),
        seed=5,
        threads=2,
        device="cuda",
        data="mnist",
        quick=True,
    )
    outcome = Outcome(
        checks=[_check("schedule.betas", "pass", 1)], environment={"torch": "9", "device": "cpu"}
    )
    run = score.grade(SUBMISSION, SOURCE, RUBRIC, outcome, options, {}).environment
    assert run == {
        "grader": __version__,
        "python": platform.python_version(),
        "torch": "9",
        "device": "cpu",
        "threads": 2,
        "isolation": ["process"],
        "seed": 5,
        "data": "mnist",
        "quick": True,
        "only": ["schedule.betas"],
        "map": ["UNet=Net"],
    }
    assert not {"only", "map"} & set(_grade().environment)


def test_an_unreadable_file_fails_the_gate_and_blocks_the_rest() -> None:
    grade = score.unreadable("a/s.ipynb", "s", "f00", RUBRIC, "it is empty", Options(seed=5))
    assert grade.submission == {"name": "s", "path": "a/s.ipynb", "sha256": "f00"}
    assert (grade.provisional, grade.earned, grade.possible) == (True, 0, 100)
    assert grade.notes == ("The notebook could not be read: it is empty.",)
    gate, *rest = grade.criteria
    assert (gate.verdict, gate.message) == ("fail", "The notebook could not be read: it is empty.")
    assert {(each.verdict, each.message) for each in rest} == {
        ("blocked", "Not checked: the notebook could not be read.")
    }
    assert (grade.environment["seed"], grade.environment["torch"]) == (5, None)
    assert grade.rubric["digest"] == RUBRIC.digest
    one = score.unreadable("a/s.ipynb", "s", "f00", RUBRIC, "it is empty", Options(only=("unet",)))
    assert {each.id.partition(".")[0] for each in one.criteria} == {"unet"}
    quick = score.unreadable("a/s.ipynb", "s", "f00", RUBRIC, "it is empty", Options(quick=True))
    assert quick.possible == 96
