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
        for standing in book.standings():
            asked += _was_asked(standing, arguments.failing)
            if _is_meant(standing, arguments):
                print(_line(standing, arguments.failing))
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


def _was_asked(standing: GradebookEntry, wanted: str | None) -> bool:
    criteria = standing.grade.criteria if standing.grade else ()
    return wanted is not None and any(_named(result.id, wanted) for result in criteria)


def _is_meant(standing: GradebookEntry, arguments: argparse.Namespace) -> bool:
    grade = standing.grade
    holds = [
        not arguments.failing or bool(_failures(standing, arguments.failing)),
        not arguments.provisional or bool(grade and grade.provisional),
        not arguments.flagged or standing.mark.is_flagged,
        not arguments.missing or standing.label is None,
    ]
    return all(holds)


def _failures(standing: GradebookEntry, wanted: str) -> list[str]:
    """The reasons why points are missing from a criterion."""
    criteria = standing.grade.criteria if standing.grade else ()
    return [
        f"{result.id}: {result.message}"
        for result in criteria
        if _named(result.id, wanted) and (result.verdict != "pass" or result.earned < result.possible)
    ]


def _line(standing: GradebookEntry, failing: str | None) -> str:
    from grader.classroom.editions import final
    from grader.report.summary import points
    from grader.text import line

    words = [final(standing.mark)]
    if standing.grade:
        words[0] += f" of {points(standing.mark.possible)}"
        words += ["PROVISIONAL"] if standing.grade.provisional else []
    elif standing.label is None:
        words = ["nothing handed in"]
    words += ["LOOK AGAIN"] if standing.mark.is_flagged else []
    words += [line(reason) for reason in _failures(standing, failing)] if failing else []
    return f"{standing.person.key:<24} {line(standing.person.name):<28} {'  '.join(words)}"
