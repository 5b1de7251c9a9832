"""Grading a class with ``grade PATH…``: its command line options, and the call into ``grader.classroom``."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError
from grader.streams import lost_output

if TYPE_CHECKING:
    from grader.classroom.class_options import ClassOptions
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
        "--compare", action="store_true", help="show what --regrade would change, and write nothing"
    )
    add_class_options(group)
    group.add_argument(
        "--shard",
        metavar="K/N",
        help="in place of PATH: judge one part of a plan, with --plan PLAN --out DIR (see `grade plan`)",
    )


def add_class_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that say who is in the class, which attempt counts, and when it was due."""
    group.add_argument(
        "--regrade",
        action="store_true",
        help="grade again what another version of the grader judged, which is kept otherwise",
    )
    group.add_argument(
        "--roster", type=Path, metavar="CSV", help="class roster: names, ids, e-mail addresses"
    )
    group.add_argument(
        "--attempt", choices=("latest", "best"), help="which attempt counts (as before; at first the latest)"
    )
    group.add_argument(
        "--due", metavar="WHEN", help="due date, such as 2026-03-01T23:59; a bare date lasts until its end"
    )
    group.add_argument(
        "--late",
        metavar="RULE",
        help="late penalty: percent per day[,grace minutes[,maximum percent]] (10)",
    )
    group.add_argument(
        "--timezone",
        metavar="NAME",
        help="the course's time zone, such as Europe/Berlin (the rubric's, else this machine's)",
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
    from grader.classroom import batch, comparison

    class_options = read_class_options(arguments, options)
    run = comparison.compare_class if arguments.compare else batch.grade_class
    all_graded = run(arguments.paths, rubric, options, class_options)
    if error := lost_output():
        print(
            f"grade: standard output could not be written ({error.strerror}); everything graded is in "
            f"{arguments.out}",
            file=sys.stderr,
        )
        return NOT_GRADED
    if arguments.open and not arguments.compare:
        webbrowser.open((arguments.out / "index.html").resolve().as_uri())
    return GRADED if all_graded else NOT_GRADED


def enter_attempt(arguments: argparse.Namespace, path: Path, rubric: Rubric, options: Options) -> int:
    """Grade a notebook as an attempt of the person of ``--for``, and return the exit code."""
    from grader.classroom import entering

    class_options = read_class_options(arguments, options)
    graded = entering.enter_attempt(path, arguments.person, rubric, options, class_options)
    return GRADED if graded else NOT_GRADED


def check_spares_the_class(out: Path, name: str) -> None:
    """Refuse to write the report of a notebook over that of a student in the gradebook.

    Raises:
        UsageError: a student's report has this name.
    """
    from grader.classroom.storage.gradebook import Gradebook
    from grader.classroom.storage.store import NAME
    from grader.files import file_name

    if not (out / NAME).exists():
        return
    with Gradebook(out) as book:
        taken = next((key for key in book.reported() if key.casefold() == file_name(name).casefold()), None)
    if taken:
        raise UsageError(
            f"{out / taken}.html is the report of a student in the gradebook: give --for {taken} to enter "
            "this notebook as an attempt of that student, or choose another --out"
        )


def read_class_options(arguments: argparse.Namespace, options: Options) -> ClassOptions:
    """Return the options for a class, of those on the command line."""
    from grader.classroom.class_options import ClassOptions
    from grader.classroom.handins.member_names import check_encoding

    if arguments.jobs is not None and arguments.jobs < 1:
        raise UsageError("--jobs must be 1 or more")
    return ClassOptions(
        out=arguments.out,
        jobs=arguments.jobs,
        roster=arguments.roster,
        best=None if arguments.attempt is None else arguments.attempt == "best",
        fresh=arguments.fresh,
        regrade=arguments.regrade,
        late=_late(arguments),
        handout=options.handout,
        zip_names=check_encoding(arguments.zip_names) if arguments.zip_names else None,
        json=arguments.json,
        quiet=arguments.quiet,
    )


def check_single(arguments: argparse.Namespace) -> None:
    """Refuse options for a class beside a single notebook, on which they have no effect.

    Raises:
        UsageError: there is such an option.
    """
    names = ("jobs", "fresh", "compare", "roster", "attempt", "due", "late", "timezone")
    given = [f"--{name}" for name in names if getattr(arguments, name) not in (None, False)]
    if given:
        verb = "has" if len(given) == 1 else "have"
        raise UsageError(
            f"{', '.join(given)} {verb} no effect on a single notebook; leave it out, or give a folder or a "
            "zip archive to grade it as a class"
        )


def _late(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings of the late rule that the command line gives."""
    from grader.classroom.timing.deadlines import late_numbers

    given = {"due": arguments.due, "timezone": arguments.timezone}
    numbers = late_numbers(arguments.late) if arguments.late is not None else {}
    return {**{name: value for name, value in given.items() if value is not None}, **numbers}
