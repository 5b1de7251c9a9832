"""Grade one notebook of one's own: the options, the run, and what is printed."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grader import __version__
from grader.commands import GRADED, NOT_GRADED, judging_options

if TYPE_CHECKING:
    from grader.options import Options
    from grader.pipeline import GradedNotebook
    from grader.rubric import Rubric


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the option for the folder of the results."""
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder for the results (reports)"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for judging a notebook and for showing its result."""
    judging_options.add_options(parser)
    parser.add_argument(
        "--unsafe-no-sandbox",
        action="store_true",
        help="run a single notebook of your own without the sandbox",
    )
    parser.add_argument(
        "--watch", action="store_true", help="grade again on every save, only what the change touches"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON result instead of the summary")
    parser.add_argument("--open", action="store_true", help="open the report in the browser")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every step on its own line")
    parser.add_argument("-q", "--quiet", action="store_true", help="print only results, no progress")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def grade_one(path: Path, rubric: Rubric, options: Options, arguments: argparse.Namespace) -> int:
    """Grade one notebook, or with ``--watch`` again and again, print its result and return the exit code."""
    name = path.absolute().stem
    if arguments.watch:
        from grader.commands.watch import watch

        watch(path, name, rubric, options, arguments, partial(_show, rubric, arguments))
        return GRADED
    graded = _grade(path, name, rubric, options, arguments)
    return GRADED if graded.readable and not graded.grade.provisional else NOT_GRADED


def _grade(
    path: Path, name: str, rubric: Rubric, options: Options, arguments: argparse.Namespace
) -> GradedNotebook:
    from grader.commands.progress import progress
    from grader.pipeline import grade_notebook
    from grader.text import line

    with progress(line(path.name), quiet=arguments.quiet, verbose=arguments.verbose) as on_event:
        graded = grade_notebook(path, name, rubric, options, arguments.out, on_event)
    _show(rubric, arguments, graded)
    if arguments.open:
        webbrowser.open(graded.html_path.resolve().as_uri())
    return graded


def _show(rubric: Rubric, arguments: argparse.Namespace, graded: GradedNotebook) -> None:
    """Print a result."""
    from grader.pipeline import json_text
    from grader.report.summary import summary

    if arguments.json:
        print(json_text(graded.grade, run=graded.run.as_json()), end="")
    else:
        print(
            summary(graded.grade, rubric.exercises, run=graded.run, width=_width(), colour=_colour()), end=""
        )
        print(f"\nReport: {graded.html_path}\nResult: {graded.json_path}")


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _width() -> int:
    try:
        return min(os.get_terminal_size(sys.stdout.fileno()).columns, 110)
    except OSError:
        return 100
