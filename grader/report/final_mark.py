"""The final mark as reports and the terminal show it, beside the judge's points where the two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from grader.model import CriterionResult, Grade, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMarkView:
    """The final mark after adjustments by hand and the late penalty.

    Attributes:
        final: the points that count, or a word such as "excused".
        is_excused: whether no points count.
        differs: whether the final mark differs from the judge's points.
        criteria: points by id of the criteria whose points an adjustment changed.
        lines: each adjustment as its points, such as "+2" or "", and a sentence.
        warning: why a person has to review it again, or "".
    """

    final: str
    is_excused: bool = False
    differs: bool = True
    criteria: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[tuple[str, str], ...] = ()
    warning: str = ""


def with_final_points(grade: Grade, criteria: Mapping[str, float]) -> Grade:
    """Return a grade in which these criteria, by id, earn the points given; their texts stay the judge's."""
    results = (_with_points(each, criteria.get(each.id, each.earned)) for each in grade.criteria)
    return replace(grade, criteria=tuple(results))


def _with_points(result: CriterionResult, points: float) -> CriterionResult:
    if points == result.earned:
        return result
    # A person has decided: whatever the judge could not check is now earned, partly earned or lost.
    verdict = Verdict.PASS if points >= result.possible else Verdict.FAIL
    credit = points / result.possible if result.possible else 1.0
    return replace(result, earned=points, credit=round(credit, 4), verdict=verdict)
