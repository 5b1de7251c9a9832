"""Students: find one, and see everything that is known of them, with the report in a frame."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from grader.classroom.pages.report_links import without_links
from grader.classroom.pages.reports import mark_text
from grader.classroom.people.students import normalize_name
from grader.review.access import REPORT_HEADERS
from grader.review.app import Call, show
from grader.review.evidence import evidence_of
from grader.review.pages.names import naming, without_names

_LISTED = 100


def find(call: Call) -> Response:
    """List the students whose name or identifier starts with what was typed; one alone is opened."""
    asked = call.query.get("q", "").strip()
    wanted = normalize_name(asked)
    hides = bool(call.book.preference(call.ta.name, "hide names"))
    found = []
    for entry in call.book.index.entries.values():
        names = (*entry.person.aliases, *(each.value for each in entry.person.identifiers))
        words = [*names, *(word for name in names for word in name.split())]
        if not wanted or (not hides and any(normalize_name(word).startswith(wanted) for word in words)):
            found.append(entry)
    if asked and len(found) == 1:
        return call.go(f"/student/{found[0].person.record}")
    return call.page(
        "students.html.j2",
        found=found[:_LISTED],
        count=len(found),
        asked=asked,
        mark=mark_text,
        name=naming(call),
    )


def student(call: Call) -> Response:
    """Show one student, and of one criterion the evidence."""
    record = int(call.path["record"])
    entry = call.book.index.entries.get(record)
    if entry is None:
        return call.sorry(404, "There is no such student.")
    chosen = call.query.get("criterion", "")
    key = entry.person.key
    return call.page(
        "student.html.j2",
        entry=entry,
        mark=mark_text(entry),
        history=call.book.audit_trail(key),
        evidence=evidence_of(call.book, entry, chosen) if chosen else None,
        bank=call.book.bank(chosen) if chosen else [],
        requests=[each for each in call.book.requests() if each.record == record],
        has_report=(call.review.out / f"{key}.html").is_file(),
        name=naming(call),
        clean=without_names(call),
    )


def report(call: Call) -> Response:
    """Return the report that was written last, for the sandboxed frame."""
    entry = call.book.index.entries.get(int(call.path["record"]))
    path = call.review.out / f"{entry.person.key}.html" if entry else None
    if path is None or not path.is_file():
        return call.sorry(404, "No report has been written for this student.")
    return HTMLResponse(without_links(path.read_bytes()), headers=REPORT_HEADERS)


ROUTES = (
    show("/students", find),
    show("/student/{record:int}", student),
    show("/student/{record:int}/report", report),
)
