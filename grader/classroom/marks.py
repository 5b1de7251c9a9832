"""The final mark: the judge's points, adjustments by staff, and the late penalty, in that order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from grader.errors import UsageError
from grader.model import CriterionResult, Grade
from grader.report.summary import points

TOTAL = "total"  # stands for the whole grade where an adjustment names a criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A change to a grade made by a person.

    Attributes:
        kind: "add" (points), "set" (a criterion's points), "comment", "excuse" (nothing counts) or
            "days late".
        criterion: id of the criterion, or TOTAL.
        points: to add or to set, or the number of days.
        because: the reason, which the student reads.
        who, at: author and time.
        earned, verdict: the judge's, when the adjustment was made; None for the whole grade.
    """

    id: int
    kind: str
    criterion: str
    points: float
    because: str
    who: str
    at: str
    earned: float | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRule:
    """Penalty for late submissions, in percent of the points earned.

    Attributes:
        due: the due date, with a time zone.
        per_day: percent for each day begun after the due date.
        grace: minutes after the due date that cost nothing.
        most: upper limit of the penalty, in percent.
    """

    due: datetime
    per_day: float = 10.0
    grace: float = 0.0
    most: float = 100.0

    def days_late(self, handed_in: datetime) -> int:
        """Return the days begun since the due date; 0 within the grace period."""
        late = handed_in - self.due
        return math.ceil(late / timedelta(days=1)) if late > timedelta(minutes=self.grace) else 0

    def penalty_percent(self, days: float) -> float:
        """Return the penalty for a number of days, in percent of the points earned."""
        return min(self.per_day * days, self.most)

    def as_json(self) -> dict[str, Any]:
        """Return the rule as JSON data."""
        return {"due": self.due.isoformat(), "per_day": self.per_day, "grace": self.grace, "most": self.most}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> LateRule:
        """Build the rule from a rubric's ``[settings.late]`` or from ``as_json``.

        A due date without a time zone is local time.

        Raises:
            UsageError: the due date is missing or invalid, or a number is out of range.
        """
        try:
            due = settings["due"]
            time = due if isinstance(due, datetime) else datetime.fromisoformat(str(due))
            numbers = {k: float(settings[k]) for k in ("per_day", "grace", "most") if k in settings}
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"the late rule needs numbers and a due date and time, such as 2026-03-01T23:59 ({error})"
            ) from error
        rule = cls(due=time if time.tzinfo else time.astimezone(), **numbers)
        if not (0 <= rule.per_day <= 100 and 0 <= rule.most <= 100 and rule.grace >= 0):
            raise UsageError("the late rule takes percentages from 0 to 100, and the grace period in minutes")
        return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkLine:
    """One line below the final mark: an adjustment, a comment, or the late penalty.

    Attributes:
        points: the change in points; None for a comment.
        is_flagged: whether staff must review it.
    """

    points: float | None
    sentence: str
    is_flagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMark:
    """A student's final points, and how they differ from the judge's.

    Attributes:
        final: None if the student is excused or nothing was graded.
        judged: the judge's points.
        penalty: points deducted for lateness.
        criteria: final points by id of the criteria whose points an adjustment changed.
        lines: adjustments and comments, oldest first within a criterion, with the penalty in between.
    """

    final: float | None
    possible: float
    judged: float = 0.0
    penalty: float = 0.0
    criteria: Mapping[str, float] = field(default_factory=dict)
    lines: tuple[MarkLine, ...] = field(default=())
    is_excused: bool = False

    @property
    def differs(self) -> bool:
        """True if the final mark differs from the judge's points."""
        return self.is_excused or self.final != self.judged

    def as_json(self) -> dict[str, Any]:
        """Return the mark as the field ``final`` of the JSON result."""
        return {
            "points": self.final,
            "possible": self.possible,
            "judged": self.judged,
            "late_penalty": self.penalty,
            "excused": self.is_excused,
            "criteria": dict(self.criteria),
            "lines": [{"points": line.points, "sentence": line.sentence} for line in self.lines],
        }

    @property
    def is_flagged(self) -> bool:
        """True if a verdict has changed since it was adjusted, so that staff must review it."""
        return any(line.is_flagged for line in self.lines)


def final_mark(
    grade: Grade | None, adjustments: Sequence[Adjustment], rule: LateRule | None, handed_in: datetime | None
) -> FinalMark:
    """Apply adjustments and the late rule to a grade.

    Without a grade, such as for work on paper, only points added to the total count.
    """
    excuse = next((a for a in adjustments if a.kind == "excuse"), None)
    comments = [_comment_line(a) for a in adjustments if a.kind in ("comment", "excuse")]
    if grade is None:
        total = sum(a.points for a in adjustments if a.kind == "add" and a.criterion == TOTAL)
        final = None if excuse or not total else max(total, 0.0)
        return FinalMark(final=final, possible=0.0, lines=tuple(comments), is_excused=bool(excuse))
    results = {result.id: result for result in grade.criteria}
    earned, lines, criteria = grade.earned, list[MarkLine](), dict[str, float]()
    for id in dict.fromkeys(a.criterion for a in adjustments if a.kind in ("add", "set")):
        own = [a for a in adjustments if a.criterion == id and a.kind in ("add", "set")]
        change, own_lines = _apply(own, results.get(id))
        earned, lines = earned + change, lines + own_lines
        if id in results and change:
            criteria[id] = round(results[id].earned + change, 2)
    earned = max(earned, 0.0)  # points subtracted from the total may exceed it
    days = _days_late(adjustments, rule, handed_in)
    penalty = round(earned * rule.penalty_percent(days) / 100, 2) if rule else 0.0
    if penalty:
        lines.append(MarkLine(points=-penalty, sentence=_penalty_sentence(days, rule)))
    return FinalMark(
        final=None if excuse else round(earned - penalty, 2),
        possible=grade.possible,
        judged=grade.earned,
        penalty=penalty,
        criteria=criteria,
        lines=(*lines, *comments),
        is_excused=bool(excuse),
    )


def _apply(own: Sequence[Adjustment], result: CriterionResult | None) -> tuple[float, list[MarkLine]]:
    """Apply the adjustments of one criterion, or of the total where ``result`` is None.

    A criterion's points stay between 0 and what it is worth.

    Returns:
        The change in points and a line for each adjustment.
    """
    if own[0].criterion != TOTAL and result is None:
        ignored = [
            MarkLine(
                points=None,
                sentence=f"{_amount(a)} has no effect: the criterion was not graded. {_reason(a)}",
            )
            for a in own
        ]
        return 0.0, ignored
    earned, lines = (result.earned if result else 0.0), []
    for adjustment in own:  # in the order they were made: a "set" replaces everything before it
        target = adjustment.points if adjustment.kind == "set" else earned + adjustment.points
        if result:
            target = min(max(target, 0.0), result.possible)
        lines.append(
            MarkLine(
                points=round(target - earned, 2),
                sentence=f"{result.title if result else 'The whole grade'}: {_reason(adjustment)}"
                f"{_change_notice(adjustment, result)}",
                is_flagged=verdict_changed(adjustment, result),
            )
        )
        earned = target
    return earned - (result.earned if result else 0.0), lines


def verdict_changed(adjustment: Adjustment, result: CriterionResult | None) -> bool:
    """Return whether the verdict or its points differ from those when the adjustment was made."""
    if result is None or adjustment.verdict is None:
        return False
    return (adjustment.verdict, adjustment.earned) != (result.verdict.value, result.earned)


def _change_notice(adjustment: Adjustment, result: CriterionResult | None) -> str:
    if result is None or not verdict_changed(adjustment, result):
        return ""
    then, now = points(adjustment.earned or 0.0), points(result.earned)
    return (
        f" The verdict has changed since this adjustment: it was {adjustment.verdict} with {then} points and "
        f"is now {result.verdict.value} with {now}. Please review."
    )


def _comment_line(adjustment: Adjustment) -> MarkLine:
    criterion = "" if adjustment.criterion == TOTAL else f"{adjustment.criterion}: "
    kind = "Excused: " if adjustment.kind == "excuse" else "Comment: "
    return MarkLine(points=None, sentence=f"{criterion}{kind}{_reason(adjustment)}")


def _reason(adjustment: Adjustment) -> str:
    return f"{adjustment.because} ({adjustment.who}, {adjustment.at[:10]})"


def _amount(adjustment: Adjustment) -> str:
    sign = "=" if adjustment.kind == "set" else "+" if adjustment.points > 0 else ""
    return f"{adjustment.criterion} {sign}{points(adjustment.points)}"


def _days_late(adjustments: Sequence[Adjustment], rule: LateRule | None, handed_in: datetime | None) -> float:
    """Return the days from the newest "days late" adjustment, else those since the due date."""
    adjusted = [a.points for a in adjustments if a.kind == "days late"]
    if adjusted:
        return adjusted[-1]
    return rule.days_late(handed_in) if rule and handed_in else 0


def _penalty_sentence(days: float, rule: LateRule | None) -> str:
    percent = points(rule.penalty_percent(days)) if rule else "0"
    unit = "day" if days == 1 else "days"
    return f"Handed in {points(days)} {unit} late: {percent} % of the points earned are deducted."
