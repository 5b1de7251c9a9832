"""What counts in the end: the judge's points, what a person changed of them, and what lateness costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from grader.errors import UsageError
from grader.model import CriterionResult, Grade
from grader.report.summary import points

TOTAL = "total"  # what an adjustment of the whole grade names in place of a criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A person's word on a grade.

    Attributes:
        kind: add (points), set (a criterion's points), comment, excuse (nothing counts), days late.
        criterion: which it is about, TOTAL for the whole grade.
        earned, verdict: what the judge had said when the word was given; None for the whole grade.
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
    """What lateness costs: ``per_day`` percent of the points earned for every day begun after the due date.

    The first ``grace`` minutes cost nothing; all days together cost no more than ``most`` percent.
    """

    due: datetime
    per_day: float = 10.0
    grace: float = 0.0
    most: float = 100.0

    def days(self, handed_in: datetime) -> int:
        """Days begun since the due date; 0 for who was in time."""
        late = handed_in - self.due
        return math.ceil(late / timedelta(days=1)) if late > timedelta(minutes=self.grace) else 0

    def percent(self, days: float) -> float:
        """What so many days cost, in percent of the points earned."""
        return min(self.per_day * days, self.most)

    def as_json(self) -> dict[str, Any]:
        """The rule as plain data."""
        return {"due": self.due.isoformat(), "per_day": self.per_day, "grace": self.grace, "most": self.most}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> LateRule:
        """The rule that a rubric's ``[settings.late]`` or the gradebook holds.

        Raises:
            UsageError: the due date is missing or no date, or a number is out of its range.
        """
        try:
            due = settings["due"]
            moment = due if isinstance(due, datetime) else datetime.fromisoformat(str(due))
            numbers = {k: float(settings[k]) for k in ("per_day", "grace", "most") if k in settings}
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"the late rule needs due = a date and time such as 2026-03-01T23:59, and numbers ({error})"
            ) from error
        rule = cls(due=moment if moment.tzinfo else moment.astimezone(), **numbers)
        if not (0 <= rule.per_day <= 100 and 0 <= rule.most <= 100 and rule.grace >= 0):
            raise UsageError("what lateness costs is given in percent, from 0 to 100, and grace in minutes")
        return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkLine:
    """One thing that made the mark differ from the judge's points, or that a person said."""

    points: float | None  # None for words that change no points
    sentence: str
    is_flagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMark:
    """What a student gets. ``final`` is None for who is excused or handed in nothing that was graded."""

    final: float | None
    possible: float
    judged: float = 0.0
    penalty: float = 0.0
    lines: tuple[MarkLine, ...] = field(default=())
    is_excused: bool = False

    @property
    def is_flagged(self) -> bool:
        """Whether a verdict changed under a person's word, so that a person must look again."""
        return any(line.is_flagged for line in self.lines)


def mark(
    grade: Grade | None, adjustments: Sequence[Adjustment], rule: LateRule | None, handed_in: datetime | None
) -> FinalMark:
    """The mark of a grade, with everything that a person said and the lateness counted in."""
    excused = next((a for a in adjustments if a.kind == "excuse"), None)
    words = [_words(a) for a in adjustments if a.kind in ("comment", "excuse")]
    if grade is None:
        total = sum(a.points for a in adjustments if a.kind == "add" and a.criterion == TOTAL)
        final = None if excused or not total else max(total, 0.0)
        return FinalMark(final=final, possible=0.0, lines=tuple(words), is_excused=bool(excused))
    results = {result.id: result for result in grade.criteria}
    earned, lines = grade.earned, list[MarkLine]()
    for id in dict.fromkeys(a.criterion for a in adjustments if a.kind in ("add", "set")):
        own = [a for a in adjustments if a.criterion == id and a.kind in ("add", "set")]
        change, said = _changed(results.get(id), own)
        earned, lines = earned + change, lines + said
    earned = max(earned, 0.0)
    days = _days_late(adjustments, rule, handed_in)
    penalty = round(earned * rule.percent(days) / 100, 2) if rule else 0.0
    if penalty:
        lines.append(MarkLine(points=-penalty, sentence=_late(days, rule)))
    return FinalMark(
        final=None if excused else round(earned - penalty, 2),
        possible=grade.possible,
        judged=grade.earned,
        penalty=penalty,
        lines=(*lines, *words),
        is_excused=bool(excused),
    )


def _changed(result: CriterionResult | None, own: Sequence[Adjustment]) -> tuple[float, list[MarkLine]]:
    """What adjustments of one criterion, or of the whole grade, add up to, within a criterion's points."""
    if own[0].criterion != TOTAL and result is None:
        said = [
            MarkLine(points=None, sentence=f"{_signed(a)} does not count: it was not asked for. {_by(a)}")
            for a in own
        ]
        return 0.0, said
    earned, lines = (result.earned if result else 0.0), []
    for adjustment in own:
        target = adjustment.points if adjustment.kind == "set" else earned + adjustment.points
        if result:
            target = min(max(target, 0.0), result.possible)
        lines.append(
            MarkLine(
                points=round(target - earned, 2),
                sentence=f"{result.title if result else 'The whole grade'}: {_by(adjustment)}"
                f"{_since(adjustment, result)}",
                is_flagged=has_moved(adjustment, result),
            )
        )
        earned = target
    return earned - (result.earned if result else 0.0), lines


def has_moved(adjustment: Adjustment, result: CriterionResult | None) -> bool:
    """Whether the judge now says something else than when the adjustment was made."""
    if result is None or adjustment.verdict is None:
        return False
    return (adjustment.verdict, adjustment.earned) != (result.verdict.value, result.earned)


def _since(adjustment: Adjustment, result: CriterionResult | None) -> str:
    if result is None or not has_moved(adjustment, result):
        return ""
    then, now = points(adjustment.earned or 0.0), points(result.earned)
    return (
        f" The verdict has changed since: it was {adjustment.verdict} with {then} points, and is now "
        f"{result.verdict.value} with {now}; please look again."
    )


def _words(adjustment: Adjustment) -> MarkLine:
    where = "" if adjustment.criterion == TOTAL else f"{adjustment.criterion}: "
    what = "Excused: " if adjustment.kind == "excuse" else "Comment: "
    return MarkLine(points=None, sentence=f"{where}{what}{_by(adjustment)}")


def _by(adjustment: Adjustment) -> str:
    return f"{adjustment.because} ({adjustment.who}, {adjustment.at[:10]})"


def _signed(adjustment: Adjustment) -> str:
    sign = "=" if adjustment.kind == "set" else "+" if adjustment.points > 0 else ""
    return f"{adjustment.criterion} {sign}{points(adjustment.points)}"


def _days_late(adjustments: Sequence[Adjustment], rule: LateRule | None, handed_in: datetime | None) -> float:
    """The days that a person said last, else those since the due date."""
    said = [a.points for a in adjustments if a.kind == "days late"]
    if said:
        return said[-1]
    return rule.days(handed_in) if rule and handed_in else 0


def _late(days: float, rule: LateRule | None) -> str:
    percent = points(rule.percent(days)) if rule else "0"
    return (
        f"Handed in {points(days)} {'day' if days == 1 else 'days'} late: {percent} % of the points earned."
    )
