"""``grade show STUDENT``: one student's grade, adjustments and history."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED

if TYPE_CHECKING:
    from grader.classroom.storage.gradebook import Gradebook, GradebookEntry

_LINKS = {  # changes of who is who, which name another record
    "merged": "merged with",
    "no longer merged": "no longer merged with",
    "two people": "not the same person as",
    "not two people": "may be the same person as",
}


def main(argv: Sequence[str]) -> int:
    """Print one student's grade, final mark and history, or one answer that a person grades.

    Raises:
        UsageError: the student is unknown, or the criterion is not a person's to grade.
    """
    from grader.classroom.pages.reports import final_mark_view, final_points
    from grader.classroom.people.lookup import find_student
    from grader.classroom.storage.gradebook import Gradebook
    from grader.report.summary import summary
    from grader.text import line

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        entry = book.entry(find_student(book, arguments.student))
        if arguments.criterion:
            print(_answer(book, entry, arguments.criterion), end="")
            return GRADED
        exercises = {int(n): title for n, title in book.setting("rubric")["exercises"].items()}
        history = book.audit_trail(entry.person.key)
    person, mark = entry.person, entry.mark
    print(f"{line(person.name)} ({person.key})")
    for kind, value in person.ids.items():
        print(f"  {kind}: {line(value)}")
    if entry.grade is None:
        print(
            "Nothing handed in." if entry.label is None else "No submission of this student has been graded."
        )
    else:
        several = f", one of {entry.attempts} attempts" if entry.attempts > 1 else ""
        print(f"  notebook: {line(entry.label or '')}{several}\n")
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        # The result may be another's of the same content, or have been made before a roster gave the name.
        grade = replace(entry.grade, submission={**entry.grade.submission, "name": person.name})
        print(summary(grade, exercises, final_mark_view(mark), colour=colour))
    print(f"Final mark: {final_points(mark)}")
    for each in mark.lines:
        amount = "" if each.points is None else f"{each.points:+g}  "
        print(f"  {'NEEDS REVIEW  ' if each.is_flagged else ''}{amount}{line(each.sentence)}")
    for note in entry.staff_notes:
        print(f"  FOR STAFF  {line(note)}")
    print("\nHistory")
    for change in history:
        print(f"  {change['at']}  {change['who']}  {_change(change)}  ({line(change['why'])})")
    return GRADED


def _answer(book: Gradebook, entry: GradebookEntry, criterion: str) -> str:
    """Return the answer to a criterion that a person grades, and its rubric items.

    Raises:
        UsageError: the student has no such criterion.
    """
    from grader.classroom.answer_text import answer_text
    from grader.classroom.answers import answer_of

    return answer_text(answer_of(book, entry, criterion))


def _change(change: Mapping[str, str | None]) -> str:
    what, before, after = change["what"] or "", change["before"], change["after"]
    if what in _LINKS:
        return f"{_LINKS[what]} {after}"
    return f"{what}: {before or 'nothing'} → {after or 'nothing'}" if before or after else what


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade show", description="Show one student's grade, the reasons for it, and its history."
    )
    parser.add_argument("student", help="the student's report name, real name, login, e-mail address or id")
    parser.add_argument(
        "criterion", nargs="?", help="show only the answer to this criterion, which a person grades"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser
