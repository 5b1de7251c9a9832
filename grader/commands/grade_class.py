"""Grading a class with ``grade PATH…``: its command line options, and the call into ``grader.classroom``."""

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
    """Add the options for folders, archives and several notebooks."""
    group = parser.add_argument_group("options for a class (folders, zip archives, several notebooks)")
    group.add_argument(
        "--jobs", type=int, metavar="N", help="notebooks graded at once (default: as many as fit)"
    )
    group.add_argument("--fresh", action="store_true", help="regrade notebooks already in the gradebook")
    group.add_argument(
        "--roster", type=Path, metavar="CSV", help="class roster: names, ids, e-mail addresses"
    )
    group.add_argument(
        "--attempt", choices=("latest", "best"), default="latest", help="which attempt counts (latest)"
    )
    group.add_argument("--due", metavar="WHEN", help="due date, such as 2026-03-01T23:59")
    group.add_argument(
        "--late",
        metavar="RULE",
        help="late penalty: percent per day[,grace minutes[,maximum percent]] (10)",
    )
    group.add_argument(
        "--handout", type=Path, metavar="NB", help="notebook handed out to students (the rubric's)"
    )
    group.add_argument(
        "--zip-names",
        metavar="ENCODING",
        help="encoding of names in zip archives that do not give it, such as gbk or shift-jis (cp437)",
    )


def grade_class(arguments: argparse.Namespace, rubric: Rubric, options: Options) -> int:
    """Grade a class with the options of the command line, and return the exit code."""
    from grader.classroom import batch
    from grader.classroom.member_names import check_encoding

    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError("--jobs must be 1 or more")
    class_options = batch.ClassOptions(
        out=arguments.out,
        jobs=arguments.jobs,
        roster=arguments.roster,
        best=arguments.attempt == "best",
        fresh=arguments.fresh,
        late=_late(arguments.due, arguments.late, rubric.settings),
        handout=options.handout,
        zip_names=check_encoding(arguments.zip_names) if arguments.zip_names else None,
        json=arguments.json,
        quiet=arguments.quiet,
    )
    all_graded = batch.grade_class(arguments.paths, rubric, options, class_options)
    if arguments.open:
        webbrowser.open((arguments.out / "index.html").resolve().as_uri())
    return GRADED if all_graded else NOT_GRADED


def _late(due: str | None, rule: str | None, settings: Mapping[str, Any]) -> LateRule | None:
    """Return the late rule of the command line, completed by the rubric's settings."""
    from grader.classroom.marks import LateRule

    if not due and not rule:
        return None
    numbers = dict(zip(("per_day", "grace", "most"), rule.split(",") if rule else (), strict=False))
    return LateRule.from_settings({**settings.get("late", {}), **numbers, **({"due": due} if due else {})})
