"""Verdicts by people: the newest grading of an answer decides its criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.classroom.marks import GRADED, Adjustment
from grader.model import UNDECIDED, Criterion, CriterionResult, Grade, Verdict
from grader.written_answers import ItemResult


def with_gradings(
    grade: Grade, adjustments: Sequence[Adjustment], criteria: Mapping[str, Criterion]
) -> Grade:
    """Return a grade with the verdicts of people on what they grade; a grading of another answer counts not.

    Args:
        adjustments: oldest first.
        criteria: of the present rubric, by id: an item has the points that it has there.
    """
    if not any(result.verdict is Verdict.OPEN for result in grade.criteria):
        return grade
    newest = {(each.criterion, each.answer): each for each in adjustments if each.kind == GRADED}
    results = tuple(
        _graded(result, grading, criteria.get(result.id))
        if result.verdict is Verdict.OPEN and (grading := newest.get((result.id, result.answer)))
        else result
        for result in grade.criteria
    )
    is_provisional = bool(grade.review) or any(result.verdict in UNDECIDED for result in results)
    return replace(grade, criteria=results, provisional=is_provisional)


def _graded(result: CriterionResult, grading: Adjustment, criterion: Criterion | None) -> CriterionResult:
    """Return a result as a person graded it; unchanged if the rubric lacks an item that was awarded."""
    items: tuple[ItemResult, ...] = ()
    earned = min(grading.points, result.possible)
    if grading.items is not None:
        known = criterion.items if criterion else ()
        if not {each.id for each in known}.issuperset(grading.items):
            return result
        items = tuple(
            ItemResult(id=each.id, points=each.points, title=each.title, earned=each.id in grading.items)
            for each in known
        )
        earned = round(sum(each.points for each in items if each.earned), 2)
    is_whole = earned >= result.possible
    by = f"{grading.who}, {grading.at[:10]}"
    message = f"{grading.because} ({by})" if grading.because else f"Graded by {by}."
    return replace(
        result,
        verdict=Verdict.PASS if is_whole else Verdict.FAIL,
        earned=earned,
        credit=1.0 if is_whole else round(earned / result.possible, 4),
        message=message,
        fact=message,
        hint=criterion.hint or None if criterion and not is_whole else None,
        items=items,
    )
