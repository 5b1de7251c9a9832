"""The comment bank: add, edit from now on or everywhere, take out."""

from __future__ import annotations

import re

from starlette.responses import Response

from grader.classroom.marks import TOTAL
from grader.errors import UsageError
from grader.review.app import Call, act, show


def bank(call: Call) -> Response:
    """Show all comments by criterion."""
    entries = call.book.index.entries.values()
    titles = {result.id: result.title for entry in entries if entry.grade for result in entry.grade.criteria}
    return call.page(
        "bank.html.j2",
        comments=call.book.bank(),
        titles={**titles, TOTAL: "The whole grade"},
        chosen=call.query.get("criterion", ""),
    )


def add(call: Call) -> Response:
    """Add a comment to the bank."""
    text, points = _words(call)
    call.book.add_comment(call.text("criterion"), text, points)
    return call.go(call.text("back") or "/comments", "The comment is in the bank.")


def edit(call: Call) -> Response:
    """Change a comment, or take it out of the bank."""
    comment = next((each for each in call.book.bank() if each.id == call.path["id"]), None)
    if comment is None:
        raise UsageError("this comment is no longer in the bank; reload the page")
    if call.text("retire"):
        call.book.retire_comment(comment.id, call.ta.name)
        return call.go("/comments", "The comment is out of the bank; where it was used it stays.")
    if str(comment.revision) != call.text("revision"):
        raise UsageError(
            f"somebody else has changed this comment since it was shown: it is now “{comment.text}”; yours, "
            f"which was not kept, was “{call.text('text')}”"
        )
    text, points = _words(call)
    everywhere = bool(call.text("everywhere"))
    changed = call.book.edit_comment(comment, text, points, call.ta.name, everywhere=everywhere)
    where = f"in the bank and at {changed} students" if everywhere else "from now on"
    return call.go("/comments", f"The comment has its new words {where}.")


def _words(call: Call) -> tuple[str, str]:
    text, points = call.text("text").strip(), call.text("points").strip().replace("−", "-")
    if not text:
        raise UsageError("a comment needs words")
    if points and not re.fullmatch(r"[+=-]\d+(\.\d+)?", points):
        raise UsageError(f"points must look like +2, -1.5 or =4, not {points!r}; or leave them empty")
    return text, points


ROUTES = (show("/comments", bank), act("/comments/add", add), act("/comments/{id:int}", edit))
