"""Parse and validate points given by hand, for the command line and the review pages."""

from __future__ import annotations

import re

from grader.classroom.marks import TOTAL
from grader.classroom.storage.entries import GradebookEntry
from grader.errors import UsageError
from grader.model import Verdict


def check_criterion(criterion: str, entry: GradebookEntry) -> None:
    """Raise UsageError unless the student was graded on a criterion, or it is the whole grade."""
    known = [result.id for result in entry.grade.criteria] if entry.grade else []
    if criterion != TOTAL and criterion not in known:
        raise UsageError(
            f"{entry.person.key} was not graded on {criterion!r}; choose total for the whole grade, or one "
            f"of these criteria: {', '.join(known) or 'none'}"
        )


def check_confirmable(entry: GradebookEntry) -> None:
    """Raise UsageError unless a student's grade is provisional, and not because an answer is ungraded."""
    if entry.grade is None or not entry.grade.provisional:
        raise UsageError(
            f"the grade of {entry.person.key} is not provisional, so there is nothing to confirm"
        )
    if left := [each.id for each in entry.grade.criteria if each.verdict is Verdict.OPEN]:
        raise UsageError(f"nobody has graded {', '.join(left)} of {entry.person.key} yet; do that first")


def read_amount(text: str, criterion: str, entry: GradebookEntry) -> tuple[str, float]:
    """Return the kind ("add" or "set") and the points, checked against the criterion's maximum.

    Raises:
        UsageError: the text is no number with a sign, or the points would lie outside of the criterion's.
    """
    kind, amount = "set" if text[:1] == "=" else "add", amount_of(text)
    result = next((r for r in entry.grade.criteria if r.id == criterion), None) if entry.grade else None
    if result and result.verdict == "open":
        raise UsageError(f"{criterion} is not graded yet: give --items or =POINTS")
    if result is None:
        if kind == "set":
            raise UsageError("=N sets one criterion; use +N or -N to adjust the whole grade")
        return kind, amount
    current = current_points(entry, criterion, result.earned)
    target = amount if kind == "set" else current + amount
    if not 0 <= target <= result.possible:
        raise UsageError(
            f"{criterion} is worth 0 to {result.possible:g} points, and this would make it {target:g}; "
            "adjust total to go beyond that"
        )
    return kind, amount


def amount_of(text: str) -> float:
    """Return the number of a text such as +2, -1.5 or =4.

    Raises:
        UsageError: it looks otherwise.
    """
    if not re.fullmatch(r"[+=-]\d{1,6}(\.\d{1,6})?", text):  # no more, or it may be infinite
        raise UsageError(f"points must look like +2, -1.5 or =4, not {text!r}")
    return float(text.removeprefix("="))


def current_points(entry: GradebookEntry, criterion: str, earned: float) -> float:
    """Return the points of a criterion after all earlier adjustments."""
    for adjustment in entry.adjustments:
        if adjustment.criterion == criterion and adjustment.kind in ("add", "set"):
            earned = adjustment.points if adjustment.kind == "set" else earned + adjustment.points
    return earned
