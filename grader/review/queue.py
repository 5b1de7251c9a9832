"""What awaits a person, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator

from grader.classroom.pages.classpage import BOUNDARIES
from grader.classroom.storage.entries import GradebookEntry
from grader.review.book import ReviewBook
from grader.review.claims import shuffled_place
from grader.review.items import KINDS, Item, item_of_request, items_of
from grader.review.team import TA

_NO_DATE = "~"  # sorts after all dates


def waiting(book: ReviewBook, ta: TA) -> list[Item]:
    """Return the items that nobody has settled, without those that this TA has to leave to a head TA.

    They are sorted by kind, within a kind by when they are due, and else in an order of this TA's own.
    """
    settled = book.settled()
    order = {kind: place for place, kind in enumerate(KINDS)}
    items = [
        item
        for item in _all_items(book)
        if settled.get(item.name) != item.revision and (ta.is_head or not item.is_for_head)
    ]
    return sorted(
        items, key=lambda item: (order[item.kind], item.due or _NO_DATE, shuffled_place(ta.name, item.name))
    )


def find_item(book: ReviewBook, kind: str, record: int) -> tuple[Item | None, bool]:
    """Return an item, if it is still one, and whether somebody has settled it."""
    item = next((each for each in _all_items(book) if (each.kind, each.record) == (kind, record)), None)
    return item, item is not None and book.settled().get(item.name) == item.revision


def _all_items(book: ReviewBook) -> Iterator[Item]:
    boundaries = tuple(book.setting("boundaries") or BOUNDARIES)
    known = _known(book)
    for record, entry in book.index.entries.items():
        found = known.get(record)
        if found is None or found[0] is not entry:
            found = known[record] = entry, tuple(items_of(entry, boundaries))
        yield from found[1]
    yield from (item_of_request(request) for request in book.requests() if request.is_waiting)


_Known = dict[int, tuple[GradebookEntry, tuple[Item, ...]]]
_KNOWN: dict[int, _Known] = {}


def _known(book: ReviewBook) -> _Known:
    """Return the items of entries that have not changed since."""
    return _KNOWN.setdefault(id(book), {})
