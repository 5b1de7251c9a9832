"""One item of the queue: the student's criteria that it concerns, each with its evidence and a form."""

from __future__ import annotations

from starlette.responses import Response

from grader.review.actions import student_in_words
from grader.review.app import Call, act, show
from grader.review.evidence import evidence_of
from grader.review.items import KINDS, PROVISIONAL, REQUESTS
from grader.review.pages.names import naming, without_names
from grader.review.queue import find_item

_SHOWN = 6  # criteria of one student on one page


def item_page(call: Call) -> Response:
    """Show an item, and claim it unless somebody else has."""
    book, kind = call.book, call.path["kind"]
    record = int(call.path["record"])
    if kind not in KINDS or kind == REQUESTS or record not in book.index.entries:
        return call.sorry(404, "There is no such item.")
    entry = book.index.entries[record]
    item, is_settled = find_item(book, kind, record)
    claim = None
    if item is not None and not is_settled:
        with book.transaction():
            claim = book.take(item.name, call.ta.name)
            book.visit(item.name, call.ta.name)
    criteria = item.criteria if item else ()
    evidence = [found for each in criteria[:_SHOWN] if (found := evidence_of(book, entry, each))]
    return call.page(
        "item.html.j2",
        item=item,
        is_settled=is_settled,
        claim=claim,
        kind=kind,
        is_provisional=kind in PROVISIONAL,
        kind_title=KINDS[kind][0],
        explanation=KINDS[kind][1],
        entry=entry,
        evidence=evidence,
        more=criteria[_SHOWN:],
        bank={each: book.bank(each) for each in criteria},
        name=naming(call),
        clean=without_names(call),
    )


def settle(call: Call) -> Response:
    """Note that somebody looked, and that no more is to be done."""
    if call.path["kind"] == REQUESTS:
        return call.sorry(404, "There is no such item.")
    item, is_settled = find_item(call.book, call.path["kind"], int(call.path["record"]))
    if item is None or is_settled:
        return call.go("/", "This was settled already.")
    if item.revision != call.text("revision"):
        return call.go(item.url, "It has changed since you opened it; look at it again. Nothing was noted.")
    entry = call.book.index.entries[item.record]
    if item.kind in PROVISIONAL:
        because = call.text("because").strip() or "looked at by hand"
        call.book.confirm(item.record, entry.result, because, call.ta.name)
        return call.go(item.url, "The grade counts now. Undo with u.")
    what = f"{KINDS[item.kind][0]}: looked at {student_in_words(item.record)}"
    reason = call.text("because").strip()
    call.book.note(item.name, item.revision, f"{what}: {reason}" if reason else what, call.ta.name)
    return call.go(item.url, "Noted as looked at.")


ROUTES = (show("/item/{kind}/{record:int}", item_page), act("/item/{kind}/{record:int}/settle", settle))
