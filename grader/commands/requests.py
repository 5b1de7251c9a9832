"""``grade requests``: students' requests for regrade, listed, entered, read from a table, and answered."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.review.book import ReviewBook
    from grader.review.requests import Request

_EPILOG = """examples:
  grade requests                                    # those that wait; --all lists every one
  grade requests add alice sample.noise --text "I do add noise, in line 12" --due 2026-03-09
  grade requests read form.csv --due 2026-03-09     # columns for the student, the criterion and the words
  grade requests show 3                             # with its history
  grade requests answer 3 --points =4 --because "Right: line 12 adds it."
  grade requests answer 3 --because "Line 12 is never reached."
  grade requests escalate 3 --because "I am not sure"
  grade requests close 3 --because "withdrawn"
  grade requests reopen 3 --because "the student replied"

The review pages (`grade review`) show the same requests with the student's lines and numbers beside them.

exit status: 0; 1 if rows of a table were left out; 2 on wrong usage"""
_LEADS = {"escalate": "escalated", "close": "closed", "reopen": "open"}
_WORDS = {"add": 2, "read": 1, "show": 1, "answer": 1, **dict.fromkeys(_LEADS, 1)}


def main(argv: Sequence[str]) -> int:
    """List requests, or enter or change some; an answer brings the student's reports up to date.

    Returns:
        0, or 1 if rows of a table were left out.

    Raises:
        UsageError: the arguments do not fit, or there is no such student or request.
    """
    from grader.classroom.storage.gradebook import current_user
    from grader.review.book import ReviewBook
    from grader.text import line

    arguments = _parser().parse_args(argv)
    action, words = arguments.action, arguments.words
    if action and len(words) != _WORDS[action]:
        raise UsageError(f"`grade requests {action}` needs {_WORDS[action]} of what --help names")
    who = arguments.author or current_user()
    book = ReviewBook(arguments.out)
    try:
        if action == "read":
            return _read(book, arguments, who)
        if action == "add":
            _add(book, arguments, who)
        elif action == "show":
            _show(book, _request(book, words[0]))
        elif action == "answer":
            _answer(book, _request(book, words[0]), arguments, who)
        elif action:
            request = _request(book, words[0])
            done = book.lead(request.seen, _LEADS[action], arguments.because or "", who)
            print(f"Request {request.id} is {book.requests_of(done.id)[0].state}.")
        else:
            for request in book.requests():
                if request.is_waiting or arguments.all:
                    key = book.index.entries[request.record].person.key
                    print(f"{request.id:>4}  {_state(request):<22}  {key}  {line(request.words)}")
        return GRADED
    finally:
        book.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade requests",
        description="List, enter, read and answer students' requests for regrade.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=_WORDS)
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="student and criterion, a CSV file, or a request's number"
    )
    parser.add_argument("--text", metavar="TEXT", help="the student's words, of add")
    parser.add_argument("--due", metavar="WHEN", help="until when it is to be answered, of add and read")
    parser.add_argument("--points", metavar="POINTS", help="such as +2 or =4, of answer")
    parser.add_argument(
        "--because", metavar="WHY", help="the answer, which the student reads; else the reason, for staff"
    )
    parser.add_argument(
        "--criterion-column", metavar="HEADER", help="the table's column that holds the criterion"
    )
    parser.add_argument("--text-column", metavar="HEADER", help="and the one that holds the words")
    parser.add_argument(
        "--confirm-names",
        action="store_true",
        help="of read: take students whom only their name connects with a row",
    )
    parser.add_argument("--all", action="store_true", help="list every request, not only those that wait")
    parser.add_argument("--as", dest="author", metavar="NAME", help="who decides (default: you)")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser


def _state(request: Request) -> str:
    due = f", due {request.due:%Y-%m-%d}" if request.due and request.is_waiting else ""
    return f"{'overdue' if request.is_overdue else request.state}{due}"


def _request(book: ReviewBook, number: str) -> Request:
    request = book.request(int(number)) if number.isdecimal() and len(number) < 19 else None
    if request is None:
        raise UsageError(f"there is no request {number!r}; `grade requests --all` lists them")
    return request


def _due(book: ReviewBook, text: str | None) -> datetime | None:
    from grader.classroom.timing.deadlines import kept_zone
    from grader.classroom.timing.lateness import parse_due

    return parse_due(text, kept_zone(book)) if text else None


def _add(book: ReviewBook, arguments: argparse.Namespace, who: str) -> None:
    from grader.classroom.people.lookup import find_student
    from grader.review.requests import NewRequest

    student, criterion = arguments.words
    entry = book.entry(find_student(book, student))
    due = _due(book, arguments.due)
    record, text = entry.person.record, arguments.text or ""
    id = book.add_request(NewRequest(record=record, criterion=criterion, text=text, due=due), who)
    print("The same request was entered before." if id is None else f"Request {id} is entered.")


def _read(book: ReviewBook, arguments: argparse.Namespace, who: str) -> int:
    from grader.classroom.timing.deadlines import kept_zone
    from grader.review.request_table import HowToRead, enter, read_requests

    headers = {"criterion": arguments.criterion_column, "text": arguments.text_column}
    how = HowToRead(
        zone=kept_zone(book),
        headers={kind: header for kind, header in headers.items() if header is not None},
        due=_due(book, arguments.due),
        confirm_names=arguments.confirm_names,
    )
    table = read_requests(Path(arguments.words[0]), list(book.index.entries.values()), how)
    for sentence in enter(book, table, who):
        print(sentence)
    return NOT_GRADED if table.left_out else GRADED


def _show(book: ReviewBook, request: Request) -> None:
    from grader.text import clean, line

    entry = book.index.entries[request.record]
    print(f"Request {request.id} of {line(entry.person.name)} ({entry.person.key}) on {request.criterion}")
    print(f"{_state(request)}\n\n{clean(request.text)}\n")
    for step in request.steps:
        print(f"  {step.at}  {line(step.who)}  {step.state or 'judged again'}: {line(step.why)}")


def _answer(book: ReviewBook, request: Request, arguments: argparse.Namespace, who: str) -> None:
    from grader.classroom.pages import classpage
    from grader.classroom.pages.reports import final_points, refresh_reports
    from grader.review.decisions import Row, Wanted
    from grader.review.index import revision

    before = book.index.entries[request.record]
    seen = revision(before, request.criterion)
    row = Row(record=request.record, criterion=request.criterion, revision=seen)
    wanted = Wanted(points=arguments.points or "", because=arguments.because or "", request=request.seen)
    book.carry_out([row], wanted, who)
    after = book.index.entries[request.record]
    refresh_reports(book, after, arguments.out)
    classpage.write_page(book, arguments.out)
    marks = f"{final_points(before.mark)} → {final_points(after.mark)}"
    print(f"Request {request.id} is answered. {after.person.key}: {marks}")
