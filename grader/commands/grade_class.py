"""The options that only a class has, and how ``grade PATH…`` hands a class over."""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.marks import LateRule
    from grader.options import Options
    from grader.rubric import Rubric


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a class: of folders, archives, or several notebooks."""
    group = parser.add_argument_group("a class (folders, zip archives, several notebooks)")
    group.add_argument("--jobs", type=int, metavar="N", help="notebooks at once (what the machine carries)")
    group.add_argument("--fresh", action="store_true", help="grade anew what the gradebook has already")
    group.add_argument("--roster", type=Path, metavar="CSV", help="who takes the course: names, ids, e-mail")
    group.add_argument(
        "--attempt", choices=("latest", "best"), default="latest", help="which of several counts (latest)"
    )
    group.add_argument("--due", metavar="WHEN", help="the due date, such as 2026-03-01T23:59")
    group.add_argument(
        "--late",
        metavar="RULE",
        help="what lateness costs: percent a day[,grace minutes[,most percent]] (10)",
    )
    group.add_argument("--handout", type=Path, metavar="NB", help="what everybody was given (the rubric's)")


def grade_class(arguments: argparse.Namespace, rubric: Rubric, options: Options) -> int:
    """Grade a class as the command line says."""
    from grader.classroom import batch

    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError("--jobs takes a number from 1")
    given = rubric.folder / "handout.ipynb"
    orders = batch.ClassOptions(
        out=arguments.out,
        jobs=arguments.jobs,
        roster=arguments.roster,
        best=arguments.attempt == "best",
        fresh=arguments.fresh,
        late=_late(arguments.due, arguments.late, rubric.settings),
        handout=arguments.handout or (given if given.is_file() else None),
        json=arguments.json,
        quiet=arguments.quiet,
    )
    is_all_well = batch.grade_class(arguments.paths, rubric, options, orders)
    if arguments.open:
        webbrowser.open((arguments.out / "index.html").resolve().as_uri())
    return GRADED if is_all_well else NOT_GRADED


def _late(due: str | None, rule: str | None, settings: Mapping[str, Any]) -> LateRule | None:
    """The rule on the command line, which adds to the rubric's or overrides it."""
    from grader.classroom.marks import LateRule

    if not due and not rule:
        return None
    numbers = dict(zip(("per_day", "grace", "most"), rule.split(",") if rule else (), strict=False))
    return LateRule.from_settings({**settings.get("late", {}), **numbers, **({"due": due} if due else {})})
