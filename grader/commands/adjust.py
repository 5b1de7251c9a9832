"""``grade adjust STUDENT …``: the TA's word, which counts last and outlives every regrade."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.gradebook import Gradebook, GradebookEntry

_EPILOG = """examples:
  grade adjust alice forward.noise_returned +2 --because "returns it under another name"
  grade adjust alice forward.noise_returned =4 --because "right, by hand"
  grade adjust alice total +3 --because "a fine analysis"
  grade adjust alice --comment "well written"
  grade adjust alice --days-late 0 --because "was ill"
  grade adjust alice --excuse --because "leave of absence"
  grade adjust alice forward.noise_returned --undo --because "a mistake of mine\""""


def main(argv: Sequence[str]) -> int:
    """Write a person's word into the gradebook and onto the pages.

    Raises:
        UsageError: there is no such student or criterion, or the words do not go together.
    """
    from grader.classroom import classpage
    from grader.classroom.gradebook import Gradebook, current_user
    from grader.classroom.lookup import find_student
    from grader.classroom.reports import final_points, refresh_reports
    from grader.text import line

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        key = find_student(book, arguments.student)
        before = book.entry(key)
        who = arguments.who or current_user()
        if arguments.undo:
            _undo(book, before, arguments.criterion or "total", _reason(arguments), who)
        else:
            kind, criterion, amount, because = _word(arguments, before)
            book.adjust(key, kind, criterion, amount, because, who)
        after = book.entry(key)
        refresh_reports(book, after, arguments.out)
        classpage.write_page(book, arguments.out)
    print(f"{line(after.person.name)}: {final_points(before.mark)} → {final_points(after.mark)}")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade adjust",
        description="Change what counts, with a reason. It outlives regrades and is shown in the report.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("student", help="a student's name as in the reports, login, e-mail or id")
    parser.add_argument("criterion", nargs="?", help="a criterion, or total")
    parser.add_argument("points", nargs="?", help="+2 or -1.5 to add, =4 to set")
    parser.add_argument("--because", metavar="WHY", help="the reason, which the student reads")
    parser.add_argument("--comment", metavar="TEXT", help="words that change no points")
    parser.add_argument("--excuse", action="store_true", help="nothing counts for this student")
    parser.add_argument("--days-late", type=float, metavar="N", help="what the late rule is to go by")
    parser.add_argument("--undo", action="store_true", help="take back what was said last about this")
    parser.add_argument("--as", dest="who", metavar="NAME", help="who says so (you)")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="where results are")
    return parser


def _word(arguments: argparse.Namespace, entry: GradebookEntry) -> tuple[str, str, float, str]:
    """What is said: its kind, what it is about, the points, and why."""
    asked = [arguments.points, arguments.comment, arguments.excuse or None, arguments.days_late]
    if sum(value is not None for value in asked) != 1:
        raise UsageError("say one thing: points for a criterion, --comment, --excuse, --days-late or --undo")
    criterion = arguments.criterion or "total"
    _check_criterion(criterion, entry)
    if arguments.comment is not None:
        return "comment", criterion, 0.0, arguments.comment
    if arguments.excuse:
        return "excuse", "total", 0.0, _reason(arguments)
    if arguments.days_late is not None:
        if arguments.days_late < 0:
            raise UsageError("--days-late takes a number from 0")
        return "days late", "total", arguments.days_late, _reason(arguments)
    kind, amount = _amount(arguments.points, criterion, entry)
    return kind, criterion, amount, _reason(arguments)


def _reason(arguments: argparse.Namespace) -> str:
    if not arguments.because or not arguments.because.strip():
        raise UsageError('a change needs its reason: --because "…"')
    return str(arguments.because)


def _check_criterion(criterion: str, entry: GradebookEntry) -> None:
    known = [result.id for result in entry.grade.criteria] if entry.grade else []
    if criterion != "total" and criterion not in known:
        raise UsageError(
            f"{entry.person.key} was not asked for a criterion {criterion!r}, but for "
            f"{', '.join(known) or 'none'}; total is the whole grade"
        )


def _amount(text: str, criterion: str, entry: GradebookEntry) -> tuple[str, float]:
    if not re.fullmatch(r"[+=-]\d+(\.\d+)?", text):
        raise UsageError(f"points are given as +2, -1.5 or =4, and {text!r} is none of these")
    kind, amount = ("set", float(text[1:])) if text[0] == "=" else ("add", float(text))
    result = next((r for r in entry.grade.criteria if r.id == criterion), None) if entry.grade else None
    if result is None:
        if kind == "set":
            raise UsageError("the whole grade is adjusted by +N or -N; =N is for a criterion")
        return kind, amount
    now = _current(entry, criterion, result.earned)
    target = amount if kind == "set" else now + amount
    if not 0 <= target <= result.possible:
        raise UsageError(
            f"{criterion} gives 0 to {result.possible:g} points, and that would make {target:g}; "
            "use total for what goes beyond"
        )
    return kind, amount


def _current(entry: GradebookEntry, criterion: str, earned: float) -> float:
    """What a criterion stands at, with what was said before."""
    for said in entry.adjustments:
        if said.criterion == criterion and said.kind in ("add", "set"):
            earned = said.points if said.kind == "set" else earned + said.points
    return earned


def _undo(book: Gradebook, entry: GradebookEntry, criterion: str, because: str, who: str) -> None:
    said = [each for each in entry.adjustments if each.criterion == criterion]
    if not said:
        raise UsageError(f"nothing was said about {criterion} of {entry.person.key}")
    book.withdraw(said[-1], entry.person.key, because, who)
