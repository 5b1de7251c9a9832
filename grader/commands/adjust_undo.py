"""``grade adjust … --undo``: withdraw the latest adjustment that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.errors import UsageError
from grader.written_answers import NO_ITEMS

if TYPE_CHECKING:
    from grader.classroom.marks import Adjustment, FinalMark
    from grader.classroom.storage.gradebook import Gradebook, GradebookEntry

# What stands in place of a criterion to undo an adjustment of another kind than points.
_KINDS = {
    "excuse": "excuse",
    "extension": "extension",
    "days-late": "days late",
    "comment": "comment",
    "confirm": "confirm",
    "note": "note",
}


def undo(
    book: Gradebook, entry: GradebookEntry, criterion: str | None, reason: str, author: str
) -> dict[str, FinalMark]:
    """Withdraw the latest adjustment that is meant; a group's, for every member. Return the marks before."""
    from grader.text import line

    undone = _meant(entry, criterion)
    print(f"Undone: {line(_described(undone))}")
    return book.withdraw(undone, reason, author)


def _meant(entry: GradebookEntry, criterion: str | None) -> Adjustment:
    """Return the latest adjustment of a criterion's points, of a kind, or of the only kind there is.

    Raises:
        UsageError: there is none, or without a criterion several kinds could be meant.
    """
    if criterion in _KINDS:
        found = [each for each in entry.adjustments if each.kind == _KINDS[criterion]]
    elif criterion:
        found = [
            each
            for each in entry.adjustments
            if each.criterion == criterion and each.kind in ("add", "set", "graded")
        ]
    else:
        found = [each for each in entry.adjustments if each.criterion == "total"]
    what = criterion or "the whole grade"
    # Of an extension and days late the newest counts, so these are one kind.
    if found and len({each.kind.replace("days late", "extension") for each in found} - {"set"}) <= 1:
        return found[-1]
    others = found or entry.adjustments
    if not others:
        raise UsageError(f"{entry.person.key} has no adjustment of {what} to undo")
    ways = {
        _undo_word(each): f"  grade adjust … {_undo_word(each)} --undo   ({_described(each)})"
        for each in others
    }
    problem = "has several kinds of adjustments" if found else f"has no adjustment of {what} to undo"
    raise UsageError("\n".join([f"{entry.person.key} {problem}; name what to undo:", *ways.values()]))


def _undo_word(adjustment: Adjustment) -> str:
    """Return what names an adjustment's kind before ``--undo``: the criterion of its points, or a word."""
    words = {kind: word for word, kind in _KINDS.items()}
    return words.get(adjustment.kind, adjustment.criterion)


def _described(adjustment: Adjustment) -> str:
    amount = {"add": f"{adjustment.points:+g} ", "set": f"={adjustment.points:g} "}.get(adjustment.kind, "")
    if adjustment.kind == "graded":
        earned = NO_ITEMS if adjustment.items == () else ",".join(adjustment.items or ())
        amount = f"{earned or f'={adjustment.points:g}'} "
    until = f" until {adjustment.until}" if adjustment.until else ""
    of_all = " of the group" if adjustment.linked is not None else ""
    because = f": {adjustment.because}" if adjustment.because else ""
    return (
        f"{amount}{_undo_word(adjustment)}{until}{of_all}{because} ({adjustment.who}, {adjustment.at[:10]})"
    )
