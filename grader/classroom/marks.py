"""The final mark: the judge's points, adjustments by staff, and the late penalty, in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from grader.classroom.timing.lateness import LateRule, due_text
from grader.model import CriterionResult, Grade, Verdict
from grader.report.summary import points
from grader.text import place

_WITHOUT_POINTS = ("comment", "excuse", "extension", "confirm")
GRADED = "graded"  # kind of an adjustment that is a person's verdict, see ``grader.classroom.gradings``
TOTAL = "total"  # stands for the whole grade where an adjustment names a criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A change to a grade made by a person.

    Attributes:
        kind: "add" (points), "set" (a criterion's points), "comment", "excuse" (nothing counts),
            "days late", "extension" (of the due date), "graded" (a person's verdict), "confirm" (a
            provisional grade counts), or "note" (for staff alone: it is in no mark, so it reaches no report
            or export).
        criterion: id of the criterion, or TOTAL.
        points: to add or to set, or the number of days.
        because: the reason, which the student reads.
        who, at: author and time.
        earned, verdict: the judge's, when the adjustment was made; None for the whole grade.
        until: end of an extension, as ISO 8601.
        scope: "person", or "group" if it was made for every member of a hand-in at once; ``linked`` is then
            the same number for all of them.
        items: of a verdict: ids of the rubric items awarded; None if it sets points.
        answer: of a verdict: digest of the answer that was graded.
        place: the line that a comment is at, such as "2:9" for line 9 of cell 2, or "model.py:9".
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
    until: str | None = None
    scope: str = "person"
    linked: int | None = None
    items: tuple[str, ...] | None = None
    answer: str | None = None
    place: str | None = None

    @property
    def cell_and_line(self) -> tuple[str, int] | None:
        """The cell or file, and the line, that a comment is at."""
        cell, _, number = (self.place or "").rpartition(":")
        return (cell, int(number)) if cell and number.isdecimal() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAdjustment:
    """An adjustment that a person asks for; the fields are those of ``Adjustment``."""

    kind: str
    criterion: str
    points: float
    because: str
    who: str
    until: str | None = None
    items: tuple[str, ...] | None = None
    answer: str | None = None
    place: str | None = None


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
    def percent(self) -> float | None:
        """The final points in percent of what is possible; None without any."""
        return None if self.final is None or not self.possible else 100 * self.final / self.possible

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
    comments = [_comment_line(a) for a in adjustments if a.kind in _WITHOUT_POINTS]
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
    line = None if excuse else _penalty_line(earned, adjustments, rule, handed_in)
    penalty = -(line.points or 0.0) if line else 0.0
    lines += [*([line] if line else []), *_outdated_lines(adjustments, results)]
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


def _outdated_lines(
    adjustments: Sequence[Adjustment], results: Mapping[str, CriterionResult]
) -> list[MarkLine]:
    """Return a line for each criterion that was graded by a person, but not this answer or by these items."""
    newest = {each.criterion: each for each in adjustments if each.kind == GRADED}
    outdated = (each for each in newest.values() if each.criterion in results)
    return [
        MarkLine(
            points=None,
            sentence=f"{results[each.criterion].title}: a person has to grade this again. The answer or the "
            f"rubric has changed since it earned {points(each.points)} points ({each.who}, {each.at[:10]}).",
            is_flagged=True,
        )
        for each in outdated
        if results[each.criterion].verdict is Verdict.OPEN
    ]


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
    kind = {"excuse": "Excused", "confirm": "Reviewed"}.get(adjustment.kind, "Comment")
    if at := adjustment.cell_and_line:
        kind += f" at {place(int(at[0]) if at[0].isdecimal() else at[0], at[1])}"
    if adjustment.kind == "extension" and adjustment.until:
        kind = f"Extended until {due_text(datetime.fromisoformat(adjustment.until))}"
    return MarkLine(points=None, sentence=f"{criterion}{kind}: {_reason(adjustment)}")


def _reason(adjustment: Adjustment) -> str:
    return f"{adjustment.because} ({adjustment.who}, {adjustment.at[:10]})"


def _amount(adjustment: Adjustment) -> str:
    sign = "=" if adjustment.kind == "set" else "+" if adjustment.points > 0 else ""
    return f"{adjustment.criterion} {sign}{points(adjustment.points)}"


def _lateness(
    adjustments: Sequence[Adjustment], rule: LateRule | None, handed_in: datetime | None
) -> tuple[float, datetime | None]:
    """Return the days late, and the due date that they were counted from.

    The newest adjustment decides: days set by hand, or an extension, which replaces the due date.
    """
    newest = next((a for a in reversed(adjustments) if a.kind in ("days late", "extension")), None)
    if newest and newest.kind == "days late":
        return newest.points, None
    if not rule or not handed_in:
        return 0, None
    due = rule.extended(newest.until) if newest and newest.until else rule.due
    return rule.days_late(handed_in, due), due


def _penalty_line(
    earned: float, adjustments: Sequence[Adjustment], rule: LateRule | None, handed_in: datetime | None
) -> MarkLine | None:
    """Return the late penalty as a line, or None where nothing is deducted."""
    days, due = _lateness(adjustments, rule, handed_in)
    percent = rule.penalty_percent(days) if rule else 0.0
    if not (penalty := round(earned * percent / 100, 2)):
        return None
    what = f"{'Handed in' if due else 'Counted as'} {points(days)} {'day' if days == 1 else 'days'} late"
    sentence = f"{what}: {points(percent)} % of the points earned are deducted."
    return MarkLine(points=-penalty, sentence=f"{sentence} It was due {due_text(due)}." if due else sentence)
