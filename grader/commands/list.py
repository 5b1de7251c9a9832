"""``grade list``: the class, one line per student, or only the students who need attention."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.storage.gradebook import GradebookEntry


def main(argv: Sequence[str]) -> int:
    """Print one line for each student, filtered by the options.

    Raises:
        UsageError: no student was graded on the criterion of ``--failing``.
    """
    from grader.classroom.storage.gradebook import Gradebook

    arguments = _parser().parse_args(argv)
    graded_on_it = 0
    with Gradebook(arguments.out) as book:
        for entry in book.entries():
            graded_on_it += _was_graded_on(entry, arguments.failing)
            if _matches_filters(entry, arguments):
                print(_line(entry, arguments.failing))
    if arguments.failing and not graded_on_it:
        raise UsageError(f"no student was graded on {arguments.failing!r}; give a criterion's id or group")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade list",
        description="List the class, one line per student: name, mark, and what needs attention.",
    )
    parser.add_argument(
        "--failing",
        metavar="ID",
        help="only who lost points on this criterion or group, by its id or the part before the dot",
    )
    parser.add_argument("--provisional", action="store_true", help="only provisional grades")
    parser.add_argument(
        "--flagged", action="store_true", help="only adjustments to review because the verdict changed"
    )
    parser.add_argument("--missing", action="store_true", help="only students who handed in nothing")
    parser.add_argument(
        "--unknown-times", action="store_true", help="only submissions without a time that can be read"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser


def _is_in_group(id: str, wanted: str) -> bool:
    """Return True if ``wanted`` is a criterion's id or the group before its dot."""
    return wanted in (id, id.partition(".")[0])


def _was_graded_on(entry: GradebookEntry, wanted: str | None) -> bool:
    criteria = entry.grade.criteria if entry.grade else ()
    return wanted is not None and any(_is_in_group(result.id, wanted) for result in criteria)


def _matches_filters(entry: GradebookEntry, arguments: argparse.Namespace) -> bool:
    from grader.classroom.timing.unknown_times import has_unknown_time

    grade = entry.grade
    conditions = [
        not arguments.failing or bool(_failures(entry, arguments.failing)),
        not arguments.provisional or bool(grade and grade.provisional),
        not arguments.flagged or entry.mark.is_flagged,
        not arguments.missing or entry.label is None,
        not arguments.unknown_times or has_unknown_time(entry),
    ]
    return all(conditions)


def _failures(entry: GradebookEntry, wanted: str) -> list[str]:
    """Return a reason for every criterion of the group that lost points or did not pass in the end."""
    from grader.report.final_mark import with_final_points

    criteria = with_final_points(entry.grade, entry.mark.criteria).criteria if entry.grade else ()
    return [
        f"{result.id}: {result.message}"
        for result in criteria
        if _is_in_group(result.id, wanted) and (result.verdict != "pass" or result.earned < result.possible)
    ]


def _line(entry: GradebookEntry, failing: str | None) -> str:
    from grader.classroom.pages.reports import mark_text
    from grader.text import line

    remarks = [mark_text(entry)]
    remarks += ["PROVISIONAL"] if entry.grade and entry.grade.provisional else []
    remarks += [f"TIME UNKNOWN (“{line(entry.unread_time)}”)"] if entry.unread_time else []
    remarks += ["NEEDS REVIEW"] if entry.mark.is_flagged else []
    remarks += [line(reason) for reason in _failures(entry, failing)] if failing else []
    return f"{entry.person.key:<24} {line(entry.person.name):<28} {'  '.join(remarks)}"
