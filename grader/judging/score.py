"""Scoring: combine the outcomes of all checks into a grade."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from grader import __version__
from grader.extraction.student_source import StudentSource
from grader.judging.marking import UNREADABLE, mark, skipped_note, to_grade, unread
from grader.model import UNDECIDED, Criterion, CriterionResult, Grade, Misconception, Verdict
from grader.notebook.submission import Submission
from grader.options import Options, Outcome
from grader.rubric import Rubric
from grader.written_answers import PERSON, Answer

FAILURE = "The grader itself failed"  # how the note begins that says so
_TEXTS = ("message", "expected", "actual", "reading", "misconception")
# From best to worst: a criterion has the verdict of its worst check.
_SEVERITY = ("pass", "skipped", "blocked", "fail", "error")


def grade(
    submission: Submission,
    source: StudentSource,
    rubric: Rubric,
    outcome: Outcome,
    options: Options,
    seconds: Mapping[str, float],
) -> Grade:
    """Return the grade of one submission, from the outcome of its checks."""
    results, notes = [], [*source.notes(), *outcome.notes]
    if outcome.failure:
        notes.insert(0, f"{FAILURE} ({outcome.failure}); a TA must review this grade.")
    for criterion in rubric.only(options.only):
        if criterion.judged_by == PERSON:
            results.append(_for_a_person(criterion, submission))
            continue
        checks = [check for check in outcome.checks if check["criterion"] == criterion.id]
        if reason := _why_skipped(criterion, checks, options):
            notes.append(skipped_note(criterion.id, criterion.points, reason))
        else:
            results.append(_result(criterion, checks, outcome.failure, rubric.misconceptions))
    return Grade(
        submission={"name": submission.name, "path": submission.path, "sha256": submission.sha256},
        rubric=rubric.as_json(),
        criteria=tuple(results),
        provisional=any(result.verdict in UNDECIDED for result in results),
        self_check_of=rubric.self_check_of,
        notes=tuple(notes),
        extraction=source.summary() | {"conventions": dict(outcome.conventions)},
        environment=_environment(options, outcome.environment),
        seconds={**outcome.seconds, **seconds},
    )


def unreadable(path: str, name: str, sha256: str, rubric: Rubric, why: str, options: Options) -> Grade:
    """Return the grade of a file that cannot be read as a notebook; its report gives the reason."""
    reason = f"{UNREADABLE}: {why}."
    counting = (each for each in rubric.only(options.only) if not _why_skipped(each, (), options))
    return Grade(
        submission={"name": name, "path": path, "sha256": sha256},
        rubric=rubric.as_json(),
        criteria=tuple(unread(criterion, reason) for criterion in counting),
        provisional=True,
        review=reason,
        self_check_of=rubric.self_check_of,
        notes=(reason,),
        environment=_environment(options, {}),
    )


def _for_a_person(criterion: Criterion, submission: Submission) -> CriterionResult:
    """Return the result of a criterion that no check decides; without an answer, the notebook is graded."""
    found = submission.answers.get(criterion.id)
    place_is_found = found is not None or criterion.answer.is_whole_notebook
    return to_grade(criterion, found.digest if found else submission.sha256, place_is_found=place_is_found)


def answers_to_show(submission: Submission, criteria: Iterable[Criterion]) -> Iterator[Answer]:
    """Yield the answers of a notebook that a person grades, for its report."""
    for criterion in criteria:
        if found := submission.answers.get(criterion.id):
            yield Answer(
                criterion=criterion.id,
                exercise=criterion.exercise,
                place=str(criterion.answer),
                cells=found.cells,
                left_out=found.left_out,
            )


def _why_skipped(criterion: Criterion, checks: Sequence[Mapping[str, Any]], options: Options) -> str | None:
    if criterion.needs_training and options.quick:
        return "--quick leaves training out, so its points are neither earned nor lost."
    worst = max((check["verdict"] for check in checks), key=_SEVERITY.index, default=None)
    return next((c["message"] for c in checks if c["verdict"] == worst == "skipped"), None)


def _result(
    criterion: Criterion,
    checks: Sequence[Mapping[str, Any]],
    failure: str | None,
    misconceptions: Mapping[str, Misconception],
) -> CriterionResult:
    """Return one criterion's result: that of its worst check, in the words of the misconception it found.

    Of several checks with the worst verdict the one with the least credit counts, whatever their order.
    """
    if not checks:
        why = f"The grader stopped before this was checked ({failure or 'no check reported a verdict'})."
        checks = [_row(criterion, "error", why)]
    severity = max(_SEVERITY.index(check["verdict"]) for check in checks)
    candidates = [check for check in checks if check["verdict"] == _SEVERITY[severity]]

    def credit_of(check: Mapping[str, Any]) -> float:
        known = _misconception(check, misconceptions)
        return max(float(check["credit"]), known.credit if known else 0.0)

    # The texts only decide between equal credits, so that no order of the checks does.
    worst = min(candidates, key=lambda check: (credit_of(check), [str(check[name]) for name in _TEXTS]))
    verdict = Verdict(worst["verdict"] if worst["verdict"] != "skipped" else "blocked")
    credit = credit_of(worst)
    judged = CriterionResult(
        id=criterion.id,
        exercise=criterion.exercise,
        title=criterion.title,
        possible=criterion.points,
        earned=0.0,
        verdict=verdict,
        credit=credit,
        message=worst["message"],
        expected=worst["expected"],
        actual=worst["actual"],
        reading=worst["reading"],
        misconception=worst["misconception"],
        seconds=round(sum(check["seconds"] for check in checks), 3),
        fact=worst["message"],
        measured=_measured(checks, worst),
    )
    return mark(judged, criterion, misconceptions)


def _measured(checks: Sequence[Mapping[str, Any]], worst: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all checks measured; of equal names, what the check that decides has found."""
    found: dict[str, Any] = {}
    for check in (*checks, worst):
        found |= check.get("measured", {})
    return found


def _misconception(
    check: Mapping[str, Any], misconceptions: Mapping[str, Misconception]
) -> Misconception | None:
    """Return the known misconception that a failed check found."""
    return misconceptions.get(check["misconception"] or "") if check["verdict"] == "fail" else None


def _row(criterion: Criterion, verdict: str, message: str) -> dict[str, Any]:
    empty = dict.fromkeys(("expected", "actual", "reading", "misconception"))
    return {
        "criterion": criterion.id,
        "verdict": verdict,
        "message": message,
        "credit": 0.0,
        "seconds": 0.0,
        **empty,
    }


def _environment(options: Options, judge: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "grader": __version__,
        "python": platform.python_version(),
        "torch": None,
        "device": options.device,
        "threads": options.threads,
        **(options.isolation.as_environment() if options.isolation else {"isolation": ["process"]}),
        "seed": options.seed,
        "data": options.data,
        "quick": options.quick,
        **({"only": list(options.only)} if options.only else {}),
        **({"map": [f"{name}={own}" for name, own in options.mapped]} if options.mapped else {}),
        **judge,
    }
