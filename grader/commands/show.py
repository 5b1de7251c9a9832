"""``grade show STUDENT``: what counts for one student, why, and everything that ever changed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED


def main(argv: Sequence[str]) -> int:
    """Print one student's grade, adjustments and history.

    Raises:
        UsageError: there is no such student.
    """
    from grader.classroom.editions import final
    from grader.classroom.gradebook import Gradebook
    from grader.classroom.lookup import find
    from grader.report.summary import summary
    from grader.text import line

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        standing = book.standing(find(book, arguments.student))
        exercises = {int(n): title for n, title in book.setting("rubric")["exercises"].items()}
        trail = book.trail(standing.person.key)
    person, mark = standing.person, standing.mark
    print(f"{line(person.name)} ({person.key})")
    for kind, value in person.ids.items():
        print(f"  {kind}: {line(value)}")
    if standing.grade is None:
        print("Nothing that was handed in has been graded.")
    else:
        several = f", one of {standing.attempts} attempts" if standing.attempts > 1 else ""
        print(f"  notebook: {line(standing.label or '')}{several}\n")
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(summary(standing.grade, exercises, colour=colour))
    print(f"What counts: {final(mark)}")
    for each in mark.lines:
        amount = "" if each.points is None else f"{each.points:+g}  "
        print(f"  {'LOOK AGAIN  ' if each.is_flagged else ''}{amount}{line(each.sentence)}")
    print("\nHistory")
    for change in trail:
        moved = f": {change['before'] or 'nothing'} → {change['after']}"
        print(f"  {change['at']}  {change['who']}  {change['what']}{moved}  ({line(change['why'])})")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grade show", description="One student: grade, reasons, history.")
    parser.add_argument("student", help="a student's name as in the reports, login, e-mail or id")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="where results are")
    return parser
