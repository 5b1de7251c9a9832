"""``grade list``: the class, or those of it that need a look."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.gradebook import GradebookEntry


def main(argv: Sequence[str]) -> int:
    """Print a line for each student that was asked for.

    Raises:
        UsageError: nobody was asked for the criterion.
    """
    from grader.classroom.gradebook import Gradebook

    arguments = _parser().parse_args(argv)
    asked = 0
    with Gradebook(arguments.out) as book:
        for entry in book.entries():
            asked += _was_asked(entry, arguments.failing)
            if _is_meant(entry, arguments):
                print(_line(entry, arguments.failing))
    if arguments.failing and not asked:
        raise UsageError(f"nobody was asked for a criterion {arguments.failing!r}")
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade list", description="A line for each student: name, points, what is to be looked at."
    )
    parser.add_argument(
        "--failing", metavar="ID", help="who lost points there, such as unet.skip_level1 or unet"
    )
    parser.add_argument("--provisional", action="store_true", help="whose grade does not count yet")
    parser.add_argument("--flagged", action="store_true", help="whose verdict changed under an adjustment")
    parser.add_argument("--missing", action="store_true", help="who handed in nothing")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="where results are")
    return parser


def _named(id: str, wanted: str) -> bool:
    return wanted in (id, id.partition(".")[0])


def _was_asked(entry: GradebookEntry, wanted: str | None) -> bool:
    criteria = entry.grade.criteria if entry.grade else ()
    return wanted is not None and any(_named(result.id, wanted) for result in criteria)


def _is_meant(entry: GradebookEntry, arguments: argparse.Namespace) -> bool:
    grade = entry.grade
    holds = [
        not arguments.failing or bool(_failures(entry, arguments.failing)),
        not arguments.provisional or bool(grade and grade.provisional),
        not arguments.flagged or entry.mark.is_flagged,
        not arguments.missing or entry.label is None,
    ]
    return all(holds)


def _failures(entry: GradebookEntry, wanted: str) -> list[str]:
    """The reasons why points are missing from a criterion."""
    criteria = entry.grade.criteria if entry.grade else ()
    return [
        f"{result.id}: {result.message}"
        for result in criteria
        if _named(result.id, wanted) and (result.verdict != "pass" or result.earned < result.possible)
    ]


def _line(entry: GradebookEntry, failing: str | None) -> str:
    from grader.classroom.reports import final_points
    from grader.report.summary import points
    from grader.text import line

    words = [final_points(entry.mark)]
    if entry.grade:
        words[0] += f" of {points(entry.mark.possible)}"
        words += ["PROVISIONAL"] if entry.grade.provisional else []
    elif entry.label is None:
        words = ["nothing handed in"]
    words += ["LOOK AGAIN"] if entry.mark.is_flagged else []
    words += [line(reason) for reason in _failures(entry, failing)] if failing else []
    return f"{entry.person.key:<24} {line(entry.person.name):<28} {'  '.join(words)}"
