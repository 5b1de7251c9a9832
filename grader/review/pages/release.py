"""Release: write the editions of everybody whose grade changed since theirs was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from grader.classroom.exports.formats import FORMATS
from grader.classroom.pages import classpage
from grader.classroom.pages.reports import report_digest, write_reports
from grader.classroom.storage.entries import GradebookEntry
from grader.errors import UsageError
from grader.files import check_writable
from grader.model import Figure
from grader.report.summary import points
from grader.review.app import Call, Review, act, show
from grader.review.pages.names import naming

_LISTED = 100


@dataclass(slots=True)
class Writing:
    """Editions that are being written: records left, how many there were, by whom, what went wrong."""

    left: list[int]
    total: int
    who: str
    problem: str = ""

    @property
    def is_running(self) -> bool:
        """Whether editions are still to be written."""
        return bool(self.left) and not self.problem


def release(call: Call) -> Response:
    """Show whose edition is out of date."""
    changed = outdated(call.review)
    return call.page(
        "release.html.j2",
        changed=changed[:_LISTED],
        count=len(changed),
        writing=call.review.writing,
        provisional=sum(bool(each.grade and each.grade.provisional) for each in changed),
        name=naming(call),
        formats=FORMATS,
    )


def write(call: Call) -> Response:
    """Begin to write the editions that are out of date, one after the other, between other requests."""
    review = call.review
    if not call.ta.is_head:
        return call.sorry(403, "Only a head TA may release grades.")
    if review.writing and review.writing.is_running:
        return call.go("/release", "The editions are being written already.")
    records = [entry.person.record for entry in outdated(review)]
    check_writable(review.out / "student")
    review.writing = Writing(records, len(records), call.ta.name)
    _continue(review)
    return call.go("/release")


def outdated(review: Review) -> list[GradebookEntry]:
    """Return everybody whose reports do not agree with the gradebook."""
    written = review.book.report_digests()
    return [
        entry
        for entry in review.book.index.entries.values()
        if entry.grade and written.get(entry.person.key) != _digest(review, entry)
    ]


def _digest(review: Review, entry: GradebookEntry) -> str:
    known = review.digests.get(entry.person.record)
    if known is None or known[0] is not entry:
        known = review.digests[entry.person.record] = entry, report_digest(entry, _exercises(review))
    return known[1]


def _exercises(review: Review) -> dict[int, str]:
    return {int(n): title for n, title in review.book.setting("rubric")["exercises"].items()}


def _continue(review: Review) -> None:
    """Write the next edition: what it needs is read here, in the gradebook's thread, and drawn in another."""
    writing = review.writing
    if writing is None or review.is_closing:
        return
    try:
        _write_next(review, writing)
    except UsageError as error:  # such as a gradebook that another program keeps locked
        writing.problem = str(error)


def _write_next(review: Review, writing: Writing) -> None:
    if not writing.left:
        classpage.write_page(review.book, review.out)
        return
    review.book.index.refresh(review.book)
    entry = review.book.index.entries.get(writing.left.pop())
    if entry is None or entry.result is None:
        review.thread.submit(_continue, review)
        return
    figures = review.book.figures(entry.result)
    review.drawing.submit(_write, review, entry, figures, _exercises(review), _digest(review, entry))


def _write(
    review: Review, entry: GradebookEntry, figures: Sequence[Figure], exercises: dict[int, str], digest: str
) -> None:
    try:
        write_reports(entry, figures, exercises, review.out)
    except Exception as error:  # or the others would wait for ever for a fault in one report
        assert review.writing is not None
        review.writing.problem = f"{entry.person.key}: {error}"
        return
    if not review.is_closing:
        review.thread.submit(_written, review, entry, digest)


def _written(review: Review, entry: GradebookEntry, digest: str) -> None:
    assert review.writing is not None
    final = "none" if entry.mark.final is None else points(entry.mark.final)
    try:
        with review.book.transaction():
            review.book.set_report_digest(entry.person.key, digest)
            who = review.writing.who
            review.book.log_change(entry.person.record, "edition written", None, final, "release", who)
    except UsageError as error:
        review.writing.problem = str(error)
        return
    _continue(review)


ROUTES = (show("/release", release), act("/release", write))
