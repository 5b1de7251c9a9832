"""Decisions: points and comments for one student or a group, undo, and the list of what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import Response

from grader.errors import UsageError
from grader.review.app import Call, act, show
from grader.review.decisions import Row, Stale, Wanted
from grader.review.index import result_of, revision
from grader.review.pages.names import naming, wording
from grader.review.requests import ESCALATED, SeenRequest

_INCOMPLETE = "this form is incomplete; reload the page"
_MOST_DIGITS = 6  # of the number of a line
_MOST_DIGITS_OF_ID = 18


def decide(call: Call) -> Response:
    """Carry out a decision on the rows of the form, or show what has changed since."""
    rows = [_row(call.text("criterion"), each) for each in call.texts("row")]
    asked = _request(call)
    known = call.book.request(asked.id) if asked else None
    if known and known.state == ESCALATED and not call.ta.is_head:
        return call.sorry(403, "This request waits for a head TA.")
    try:
        wanted = replace(_wanted(call, rows), request=asked)
        action = call.book.carry_out(rows, wanted, call.ta.name)
    except UsageError as error:
        written = call.text("because").strip()  # or the browser would forget it
        raise UsageError(f"{error}. You wrote: “{written}”" if written else str(error)) from error
    except Stale as stale:
        return _conflict(call, rows, wanted, stale.rows)
    return call.go(call.text("back") or "/", f"Done: {action.what}. Undo with u.")


def _request(call: Call) -> SeenRequest | None:
    """Return the request for regrade that the form answers."""
    id, _, seen = call.text("request").partition(":")
    if not id:
        return None
    return SeenRequest(id=number_of(id), revision=seen)


def number_of(text: str) -> int:
    """Return an id that one of our forms holds.

    Raises:
        UsageError: it is none, so the form is not ours.
    """
    if not text.isdecimal() or len(text) > _MOST_DIGITS_OF_ID:
        raise UsageError(_INCOMPLETE)
    return int(text)


def _wanted(call: Call, rows: Sequence[Row]) -> Wanted:
    criterion, group = call.text("criterion"), call.text("group")
    because, for_staff = call.text("because").strip(), bool(call.text("staff"))
    points = call.text("points").strip().replace("−", "-").replace(",", ".")
    items = tuple(sorted(call.texts("item")))
    is_ticked = " ".join(items) != call.text("awarded")
    if applied := call.text("apply"):
        comment = next((each for each in call.book.bank(criterion) if str(each.id) == applied), None)
        if comment is None:
            raise UsageError("this comment is no longer in the bank; reload the page")
        if because or points or for_staff or is_ticked:
            raise UsageError("send or clear first what you typed or ticked")
        return Wanted(points=comment.points, because=comment.text, comment=comment.id, group=group)
    if call.text("stands") and (points or is_ticked):
        raise UsageError("apply or clear the points or items that you gave; then the verdict stands")
    if call.text("stands") and not because:
        return Wanted(group=group)
    if call.text("items") or is_ticked:
        if points:
            raise UsageError("give either rubric items or points")
        return Wanted(items=items, because=because, group=group, for_staff=for_staff)
    if not points and not because:
        raise UsageError("give points, a comment, or both; or say that the verdict stands")
    line = call.text("line").strip()
    is_number = line.isdecimal() and len(line) <= _MOST_DIGITS
    if line and (not is_number or not because or len(rows) != 1):
        raise UsageError("a comment at a line needs words, the number of the line, and one student")
    place = f"{call.text('cell')}:{line}" if line else None
    # A refused decision is sent again with the comment that its words are of.
    own = (each.id for each in call.book.bank(criterion) if str(each.id) == call.text("comment"))
    return Wanted(
        points=points,
        because=because,
        comment=next(own, None),
        group=group,
        place=place,
        for_staff=for_staff,
    )


def _row(criterion: str, text: str) -> Row:
    record, _, seen = text.partition(":")
    return Row(record=number_of(record), criterion=criterion, revision=seen)


def _conflict(call: Call, rows: Sequence[Row], wanted: Wanted, stale: Sequence[Row]) -> Response:
    """Show both versions: what was asked for, and what the rows hold now."""
    changed = {row.record for row in stale}
    entries = call.book.index.entries
    known = [row for row in rows if row.record in entries]
    return call.page(
        "conflict.html.j2",
        status=409,
        criterion=rows[0].criterion,
        wanted=wanted,
        request=call.text("request"),
        changed=[
            (
                entries[record],
                result_of(entries[record], rows[0].criterion),
                [each for each in entries[record].adjustments if each.criterion == rows[0].criterion],
            )
            for record in sorted(changed & entries.keys())
        ],
        fresh=[f"{row.record}:{revision(entries[row.record], row.criterion)}" for row in known],
        others=[f"{row.record}:{row.revision}" for row in known if row.record not in changed],
        back=call.text("back") or "/",
        name=naming(call),
    )


def undo(call: Call) -> Response:
    """Take back a decision: the one named, or this TA's latest."""
    wanted = call.text("action")
    own = [each for each in call.book.actions(call.ta.name) if each.undone is None]
    action = number_of(wanted) if wanted else None
    if wanted and not call.ta.is_head and wanted not in {str(each.id) for each in own}:
        return call.sorry(403, "Only a head TA may undo what others decided.")
    if action is None and not own:
        return call.go(call.text("back") or "/", "You have decided nothing that could be undone.")
    what = call.book.undo_action(own[0].id if action is None else action, call.ta.name)
    return call.go(call.text("back") or "/", f"Undone: {wording(call)(what)}")


def history(call: Call) -> Response:
    """Show the newest decisions of everybody."""
    return call.page("history.html.j2", actions=call.book.actions(), worded=wording(call))


def preference(call: Call) -> Response:
    """Turn hidden names, or the keyboard shortcuts, on or off."""
    name = call.text("name")
    if name in ("hide names", "no keys"):
        was = call.book.preference(call.ta.name, name)
        call.book.set_preference(call.ta.name, name, "" if was else "yes")
    return call.go(call.text("back") or "/")


ROUTES = (
    act("/decide", decide),
    act("/undo", undo),
    act("/preference", preference),
    show("/decisions", history),
)
