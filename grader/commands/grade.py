"""``grade PATH…``: grade notebooks. Results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grader import __version__
from grader.commands import GRADED, NOT_GRADED, SUBCOMMANDS, grade_class, grade_shard, judging_options
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.options import Options
    from grader.pipeline import GradedNotebook
    from grader.rubric import Rubric


_EPILOG = "\n".join(
    [
        "subcommands (`grade NAME --help` shows the options of each):",
        *(f"  {name:<21} {purpose}" for name, purpose in SUBCOMMANDS.items()),
        "",
        "exit status: 0 graded, whatever the marks; 1 not graded, or provisional; 2 wrong usage",
    ]
)


def main(argv: Sequence[str]) -> int:
    """Grade one notebook or a class.

    Returns:
        0 if everything was graded, 1 if something could not be graded or is provisional.

    Raises:
        UsageError: a path or an option is wrong.
    """
    if any(word == "--shard" or word.startswith("--shard=") for word in argv):
        return grade_shard.main(argv)
    arguments = _parser().parse_args(argv)
    from grader.classroom.handins.collect import is_class_run
    from grader.extraction.handout import read_handout
    from grader.rubric import Rubric
    from grader.sandbox.isolation import required_isolation

    is_class = is_class_run(arguments.paths)
    if not is_class and not Path(arguments.paths[0]).exists():
        raise UsageError(f"there is no file {arguments.paths[0]}; check the name and the folder you are in")
    if not is_class:
        grade_class.check_single(arguments)
    elif arguments.person is not None:
        raise UsageError("--for enters one notebook; give it alone")
    if arguments.watch and (is_class or arguments.person is not None):
        raise UsageError("--watch takes one notebook of your own")
    rubric = Rubric.load(arguments.rubric)
    rubric.only(tuple(arguments.only))
    isolation = required_isolation(
        several=is_class or arguments.person is not None, unsafe=arguments.unsafe_no_sandbox
    )
    options = judging_options.read_options(arguments, rubric, isolation)
    read_handout(options.handout)  # before anything is graded: it may be unreadable
    if is_class:
        return grade_class.grade_class(arguments, rubric, options)
    path = Path(arguments.paths[0])
    path = path.resolve() if path.is_symlink() else path  # the grader follows links only on the command line
    if arguments.person is not None:
        return grade_class.enter_attempt(arguments, path, rubric, options)
    grade_class.check_spares_the_class(arguments.out, path.absolute().stem)
    if arguments.watch:
        from grader.commands.watch import watch

        watch(path, path.absolute().stem, rubric, options, arguments, partial(_show, rubric, arguments))
        return GRADED
    graded = _grade(path, path.absolute().stem, rubric, options, arguments)
    return GRADED if graded.readable and not graded.grade.provisional else NOT_GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade",
        description="Grade homework notebooks: print a summary, and write a JSON result and an HTML report.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a notebook, or a folder or an archive (zip, tar) of notebooks",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder for the results (reports)"
    )
    parser.add_argument(
        "--for",
        dest="person",
        metavar="PERSON",
        help="enter the notebook into the gradebook as an attempt of this student (key, name, login, id)",
    )
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
    grade_class.add_options(parser)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


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
