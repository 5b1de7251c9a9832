"""Requests for regrade: the list, a new one, those of a table, and one with the machine's evidence."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import HTMLResponse, Response

from grader.classroom.marks import TOTAL
from grader.classroom.people.lookup import find_student
from grader.classroom.timing.deadlines import kept_zone
from grader.classroom.timing.lateness import parse_due
from grader.errors import UsageError
from grader.review.access import REPORT_HEADERS
from grader.review.app import Call, act, show
from grader.review.evidence import evidence_of
from grader.review.grouped import outcomes
from grader.review.index import revision
from grader.review.judging import command, judge_again, report_of
from grader.review.pages.names import naming, without_names, wording
from grader.review.pages.uploads import uploaded
from grader.review.request_table import HowToRead, enter, read_requests
from grader.review.requests import ANSWERED, ESCALATED, MAX_WORDS, NewRequest, Request, SeenRequest
from grader.text import clean

_LISTED = 500


def listing(call: Call) -> Response:
    """Show all requests, those that wait first, and the forms to enter more."""
    everything = call.book.requests()
    chosen = sorted(everything, key=lambda each: (not each.is_waiting, each.due is None, each.due, -each.id))
    entries = call.book.index.entries
    titles = {example.id: example.title for example, *_ in outcomes(call.book)}
    return call.page(
        "requests.html.j2",
        requests=[(each, entries[each.record]) for each in chosen[:_LISTED]],
        waiting=sum(each.is_waiting for each in everything),
        titles={TOTAL: "The whole grade", **titles},
        name=naming(call),
        clean=without_names(call),
    )


def request_page(call: Call) -> Response:
    """Show a request with the machine's evidence, and claim it unless somebody else has."""
    book, request = call.book, _request(call)
    if request is None:
        return call.sorry(404, "There is no such request.")
    entry = book.index.entries[request.record]
    claim = None
    if request.is_waiting:
        with book.transaction():
            claim = book.take(request.item, call.ta.name)
            book.visit(request.item, call.ta.name)
    judging = call.review.judging
    return call.page(
        "request.html.j2",
        request=request,
        entry=entry,
        claim=claim,
        may_answer=request.is_waiting and (call.ta.is_head or request.state != ESCALATED),
        leads_to=[each for each in request.leads_to if each != ANSWERED],
        evidence=evidence_of(book, entry, request.criterion),
        row=f"{request.record}:{revision(entry, request.criterion)}",
        bank=book.bank(request.criterion),
        is_judging=judging is not None and judging.is_running,
        is_judging_this=judging is not None and judging.is_running and judging.request == request.id,
        command=command(call.review.out, entry.person.key),
        has_new_report=request.is_judged_again and report_of(call.review.out, entry.person.key).is_file(),
        name=naming(call),
        clean=without_names(call),
    )


def add(call: Call) -> Response:
    """Enter a request."""
    _check_names_are_shown(call)
    key = find_student(call.book, call.text("student").strip())
    entry = call.book.entry(key)
    new = NewRequest(
        record=entry.person.record,
        criterion=call.text("criterion"),
        text=call.text("text"),
        due=_due(call),
    )
    id = call.book.add_request(new, call.ta.name)
    if id is None:
        return call.go("/requests", "The same request was entered before.")
    return call.go(f"/request/{id}", "The request is entered.")


def read(call: Call) -> Response:
    """Enter the requests of a CSV file that were not entered before."""
    _check_names_are_shown(call)
    how = HowToRead(zone=kept_zone(call.book), due=_due(call), confirm_names=bool(call.text("names")))
    entries = list(call.book.index.entries.values())
    with uploaded(call, "file") as path:
        table = read_requests(path, entries, how)
    for sentence in enter(call.book, table, call.ta.name):
        call.notice(sentence)
    return call.go("/requests")


def lead(call: Call) -> Response:
    """Escalate a request, close it without an answer, or open it again."""
    request, state = _request(call), call.text("state")
    if request is None:
        return call.sorry(404, "There is no such request.")
    if request.state == ESCALATED and not call.ta.is_head:
        return call.sorry(403, "This request waits for a head TA.")
    seen = SeenRequest(id=request.id, revision=call.text("revision"))
    action = call.book.lead(seen, state, call.text("why").strip(), call.ta.name)
    return call.go(request.url, f"Done: {wording(call)(action.what)}. Undo with u.")


def again(call: Call) -> Response:
    """Judge the hand-in again, beside the pages."""
    review, request = call.review, _request(call)
    if request is None:
        return call.sorry(404, "There is no such request.")
    if review.judging and review.judging.is_running:
        return call.go(request.url, "Another hand-in is being judged again; wait until that is done.")
    key, who = call.book.index.entries[request.record].person.key, call.ta.name

    def when_done(said: str) -> None:
        if not review.is_closing:
            review.thread.submit(review.book.add_judging, request.id, clean(said, limit=MAX_WORDS), who)

    review.judging = judge_again(review.out, key, request.id, who, when_done)
    return call.go(request.url)


def new_report(call: Call) -> Response:
    """Return the report of the new judging, for the sandboxed frame."""
    request = _request(call)
    entry = call.book.index.entries[request.record] if request else None
    path = report_of(call.review.out, entry.person.key) if entry else None
    if path is None or not path.is_file():
        return call.sorry(404, "No new report has been written for this request.")
    return HTMLResponse(path.read_bytes(), headers=REPORT_HEADERS)


def _check_names_are_shown(call: Call) -> None:
    if call.book.preference(call.ta.name, "hide names"):
        raise UsageError("a new request says whose it is; choose “Show names” first")


def _request(call: Call) -> Request | None:
    id = int(call.path["id"])
    return call.book.request(id) if id < 1 << 63 else None  # SQLite knows no larger numbers


def _due(call: Call) -> datetime | None:
    text = call.text("due").strip()
    return parse_due(text, kept_zone(call.book)) if text else None


ROUTES = (
    show("/requests", listing),
    act("/requests/add", add),
    act("/requests/read", read),
    show("/request/{id:int}", request_page),
    act("/request/{id:int}/lead", lead),
    act("/request/{id:int}/again", again),
    show("/request/{id:int}/report", new_report),
)
