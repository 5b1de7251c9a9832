"""The queue of what awaits a person, and the way to the next item."""

from __future__ import annotations

from itertools import groupby

from starlette.responses import Response

from grader.review.app import Call, act, show
from grader.review.grouped import groups
from grader.review.items import KINDS
from grader.review.pages.names import naming, without_names
from grader.review.queue import waiting


def queue(call: Call) -> Response:
    """Show everything that waits, by kind."""
    items, claims = waiting(call.book, call.ta), call.book.claims()
    kind = call.query.get("kind", "")
    parts = [
        (name, *KINDS[name], [(item, call.book.index.entries[item.record]) for item in some])
        for name, some in groupby(items, key=lambda item: item.kind)
        if kind in ("", name)
    ]
    return call.page(
        "queue.html.j2",
        parts=parts,
        claims=claims,
        waiting=len(items),
        name=naming(call),
        clean=without_names(call),
        kind=kind,
        limit=30,
    )


def next_item(call: Call) -> Response:
    """Go to the next item of the queue, or of the list that ``within`` names."""
    within, leaving = call.text("within"), call.text("leaving")
    if within.startswith("criterion:"):
        return _next_group(call, within.removeprefix("criterion:"), leaving)
    items = waiting(call.book, call.ta)
    if within in KINDS:
        items = [item for item in items if item.kind == within]
    chosen = call.book.next_item([item.name for item in items], call.ta.name, leaving)
    if chosen is None:
        still = any(item.name == leaving for item in items)
        return call.go("/", "Nothing else waits for you." if still else "Nothing waits for you.")
    return call.go(next(item.url for item in items if item.name == chosen))


def _next_group(call: Call, criterion: str, leaving: str) -> Response:
    book = call.book
    items = {group.item: group for group in groups(book, criterion, call.ta.name) if group.open_members}
    chosen = book.next_item(list(items), call.ta.name, leaving)
    if chosen is None:
        return call.go(f"/criterion/{criterion}", "No other group of this criterion waits for you.")
    return call.go(items[chosen].url)


def previous_item(call: Call) -> Response:
    """Go back to the item that was open before."""
    before = call.book.item_before(call.text("leaving"), call.ta.name)
    if before is None:
        return call.go("/", "You have opened no item before this one.")
    kind, _, rest = before.partition(":")
    if kind == "group":
        criterion, _, group = rest.rpartition(":")
        return call.go(f"/criterion/{criterion}/{group}")
    return call.go(f"/request/{rest}" if kind == "request" else f"/item/{kind}/{rest}")


def take(call: Call) -> Response:
    """Take an item, also from somebody else, or let others have it."""
    item = call.text("item")
    with call.book.transaction():
        if call.text("pass"):
            call.book.release(item, call.ta.name)
        else:
            call.book.take(item, call.ta.name, even_if_claimed=True)
    return call.go(call.text("back") or "/")


ROUTES = (
    show("/", queue),
    act("/next", next_item),
    act("/previous", previous_item),
    act("/take", take),
)
