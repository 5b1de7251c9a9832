"""``grade adjust STUDENT …``: adjust a grade by hand. Adjustments come last and outlive every regrade."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED
from grader.errors import UsageError
from grader.written_answers import NO_ITEMS, PERSON

if TYPE_CHECKING:
    from grader.classroom.marks import FinalMark
    from grader.classroom.storage.gradebook import Gradebook, GradebookEntry

_EPILOG = """examples:
  grade adjust alice forward.noise_returned +2 --because "returns it under another name"
  grade adjust alice forward.noise_returned =4 --because "correct, checked by hand"
  grade adjust alice total +3 --because "excellent analysis"
  grade adjust alice essay.scaling --items variance,softmax   # what a person grades; or =2.5, or --items none
  grade adjust alice --comment "well written"
  grade adjust alice --days-late 0 --because "was ill"
  grade adjust alice --until 2026-03-05T23:59 --because "was ill"
  grade adjust alice --excuse --because "leave of absence"
  grade adjust alice --confirm --because "checked by hand"    # a provisional grade counts from now on
  grade adjust alice --note "ask about the second cell"       # for staff alone
  grade adjust alice total +1 --group --because "well divided work"   # for every member of the group
  grade adjust alice forward.noise_returned --undo --because "my mistake"
  grade adjust alice extension --undo --because "not ill"   # or excuse, days-late, comment"""


def main(argv: Sequence[str]) -> int:
    """Write an adjustment into the gradebook, and update the student's reports and the class page.

    Raises:
        UsageError: the student or criterion is unknown, or the arguments do not fit together.
    """
    from grader.classroom.marks import NewAdjustment
    from grader.classroom.pages import classpage
    from grader.classroom.pages.reports import final_points, refresh_reports
    from grader.classroom.people.lookup import find_student, named_record
    from grader.classroom.storage.gradebook import Gradebook, current_user
    from grader.commands.adjust_undo import undo
    from grader.text import line

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        key = find_student(book, arguments.student)
        entry = book.entry(key)
        adjusted = [entry, *(book.entry(each) for each in entry.group)] if arguments.group else [entry]
        author = arguments.author or current_user()
        before = {each.person.key: each.mark for each in adjusted}
        if arguments.undo:
            before = undo(book, entry, arguments.criterion, _reason(arguments), author)
        elif _is_verdict(arguments, entry):
            before = _graded(arguments, book, key, author)
        else:
            (kind, criterion, amount, reason), *_ = [_adjustment(arguments, each) for each in adjusted]
            until = _extension(arguments.until, book)
            asked = NewAdjustment(
                kind=kind, criterion=criterion, points=amount, because=reason, who=author, until=until
            )
            if arguments.group:
                book.adjust_group(key, asked)
            else:
                book.adjust(key, asked, named=named_record(book, arguments.student))
        for each in sorted(before):
            after = book.entry(each)
            refresh_reports(book, after, arguments.out)
            marks = f"{final_points(before[each])} → {final_points(after.mark)}"
            print(f"{line(after.person.name)}: {marks}")
        classpage.write_page(book, arguments.out)
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade adjust",
        description="Adjust a student's grade by hand, with a reason. Adjustments outlive regrades and are "
        "shown in the report.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("student", help="the student's report name, real name, login, e-mail address or id")
    parser.add_argument(
        "criterion",
        nargs="?",
        help="id of a criterion, or total for the whole grade; to undo, also extension, excuse, …",
    )
    parser.add_argument("points", nargs="?", help="+2 or -1.5 to add or subtract points, =4 to set them")
    parser.add_argument(
        "--items", metavar="ID,ID", help="grade a person's criterion: the rubric items earned, or none"
    )
    parser.add_argument("--because", metavar="WHY", help="the reason, which the student will read")
    parser.add_argument("--comment", metavar="TEXT", help="add a comment that changes no points")
    parser.add_argument("--note", metavar="TEXT", help="add a note that only staff read")
    parser.add_argument("--excuse", action="store_true", help="excuse the student from this homework")
    parser.add_argument("--days-late", type=float, metavar="N", help="apply the late penalty for N days")
    parser.add_argument(
        "--until", metavar="WHEN", help="extend the due date; a bare date lasts until the end of that day"
    )
    parser.add_argument(
        "--confirm", action="store_true", help="let a provisional grade count, which somebody has looked at"
    )
    parser.add_argument(
        "--group", action="store_true", help="adjust the grade of every member of the student's group"
    )
    parser.add_argument(
        "--undo",
        action="store_true",
        help="undo the latest adjustment of this criterion's points, or the latest extension, excuse, …",
    )
    parser.add_argument("--as", dest="author", metavar="NAME", help="author of the adjustment (default: you)")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser


def _is_verdict(arguments: argparse.Namespace, entry: GradebookEntry) -> bool:
    """Return whether the arguments grade an answer that a person grades."""
    if arguments.items is not None:
        return True
    results = entry.grade.criteria if entry.grade else ()
    by_person = {each.id for each in results if each.judged_by == PERSON}
    return arguments.criterion in by_person and (arguments.points or "").startswith("=")


def _graded(arguments: argparse.Namespace, book: Gradebook, key: str, author: str) -> dict[str, FinalMark]:
    """Store a person's verdict on an answer, and return the marks before."""
    from grader.classroom.adjusting import amount_of
    from grader.classroom.answers import grade_answer

    others = [arguments.comment, arguments.excuse or None, arguments.days_late, arguments.until]
    others += [arguments.confirm or None, arguments.note]
    if not arguments.criterion or any(each is not None for each in others):
        raise UsageError(
            "to grade an answer, name the criterion and give --items or =POINTS, and nothing else"
        )
    items, points = None, None
    if arguments.items is not None:
        if arguments.points is not None:
            raise UsageError("give either --items or points")
        named = [each.strip() for each in arguments.items.split(",") if each.strip()]
        items = [] if named == [NO_ITEMS] else named
        if not named:
            raise UsageError(f"--items names the rubric items earned, or {NO_ITEMS}")
    else:
        points = amount_of(arguments.points)
    return grade_answer(
        book,
        key,
        arguments.criterion,
        who=author,
        items=items,
        points=points,
        comment=arguments.because or "",
    )


def _adjustment(arguments: argparse.Namespace, entry: GradebookEntry) -> tuple[str, str, float, str]:
    """Return the adjustment that the arguments describe: kind, criterion, amount and reason."""
    changes = [arguments.points, arguments.comment, arguments.excuse or None, arguments.days_late]
    changes += [arguments.until, arguments.confirm or None, arguments.note]
    if sum(value is not None for value in changes) != 1:
        raise UsageError(
            "give exactly one of: points for a criterion, --comment, --excuse, --days-late, --until, "
            "--confirm, --note, --undo"
        )
    from grader.classroom.adjusting import check_confirmable, check_criterion, read_amount

    criterion = arguments.criterion or "total"
    check_criterion(criterion, entry)
    if arguments.comment is not None:
        return "comment", criterion, 0.0, arguments.comment
    if arguments.note is not None:
        return "note", criterion, 0.0, arguments.note
    if arguments.confirm:
        check_confirmable(entry)
        return "confirm", "total", 0.0, _reason(arguments)
    if arguments.excuse:
        return "excuse", "total", 0.0, _reason(arguments)
    if arguments.days_late is not None:
        if arguments.days_late < 0:
            raise UsageError("--days-late must be 0 or more")
        return "days late", "total", arguments.days_late, _reason(arguments)
    if arguments.until is not None:
        return "extension", "total", 0.0, _reason(arguments)
    kind, amount = read_amount(arguments.points, criterion, entry)
    return kind, criterion, amount, _reason(arguments)


def _extension(until: str | None, book: Gradebook) -> str | None:
    """Return the end of an extension as ISO 8601, read in the course's zone, and print it.

    Raises:
        UsageError: the time is in doubt, or not after the due date.
    """
    if until is None:
        return None
    from grader.classroom.timing.deadlines import kept_zone
    from grader.classroom.timing.lateness import due_text, parse_due

    rule = book.late_rule()
    extended = parse_due(until, kept_zone(book))
    if rule and extended <= rule.due:
        raise UsageError(
            f"--until must be after the due date, {due_text(rule.due)}; not {due_text(extended)}"
        )
    print(f"Extended until {due_text(extended)}")
    if not rule:
        print("grade: there is no due date yet; the extension counts when there is one", file=sys.stderr)
    return extended.isoformat()


def _reason(arguments: argparse.Namespace) -> str:
    if not arguments.because or not arguments.because.strip():
        raise UsageError('an adjustment needs a reason: --because "…"')
    return str(arguments.because)
