"""``grade PATH…``: grade notebooks. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader import DEFAULT_RUBRIC, __version__
from grader.commands import GRADED, NOT_GRADED, SUBCOMMANDS, grade_class
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.options import Options
    from grader.pipeline import GradedNotebook
    from grader.rubric import Rubric


_EPILOG = "\n".join(
    [
        *(f"grade {name:<8} {purpose}" for name, purpose in SUBCOMMANDS.items()),
        "Exits with 0 (graded, whatever the marks), 1 (not graded, or provisional), 2 (misuse).",
    ]
)


def main(argv: Sequence[str]) -> int:
    """Grade what was asked for.

    Returns:
        0 when all was graded, 1 when something could not be or is provisional.
    """
    arguments = _parser().parse_args(argv)
    from grader.classroom.collect import is_class_run
    from grader.rubric import Rubric

    is_class = is_class_run(arguments.paths)
    if not is_class and not Path(arguments.paths[0]).exists():
        raise UsageError(f"there is no file {arguments.paths[0]}; check the name and the folder you are in")
    rubric = Rubric.load(arguments.rubric)
    rubric.only(tuple(arguments.only))
    options = _options(arguments, rubric, several=is_class)
    if is_class:
        return grade_class.grade_class(arguments, rubric, options)
    path = Path(arguments.paths[0])
    path = path.resolve() if path.is_symlink() else path  # a link on the command line is the user's own
    graded = _grade(path, path.absolute().stem, rubric, options, arguments)
    return GRADED if graded.readable and not graded.grade.provisional else NOT_GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade",
        description="Grade homework notebooks: a summary, a JSON result and an HTML report for each.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a notebook, or a folder or zip of them")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="where results go (reports)"
    )
    parser.add_argument("--quick", action="store_true", help="leave training out; its points are not counted")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where student code runs"
    )
    parser.add_argument(
        "--data", metavar="NAME|DIR", help="data to train on, of those the rubric offers (its default)"
    )
    parser.add_argument(
        "--rubric",
        default=DEFAULT_RUBRIC,
        metavar="NAME|DIR",
        help=f"name or folder of the rubric ({DEFAULT_RUBRIC})",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ID",
        help="grade only this criterion or group of criteria, such as train; repeatable",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="NAME=YOURS",
        help="what a notebook calls a part; repeatable",
    )
    parser.add_argument(
        "--seed", type=_seeds, metavar="N[:N]", help="draw what an earlier grade with these seeds drew"
    )
    parser.add_argument(
        "--no-reuse", action="store_true", help="train and sample anew even what the same code came to before"
    )
    parser.add_argument(
        "--unsafe-no-sandbox", action="store_true", help="run one notebook of your own without walls"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON result instead of the summary")
    parser.add_argument("--open", action="store_true", help="open the report in the browser")
    parser.add_argument("-v", "--verbose", action="store_true", help="say each step on a line of its own")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, only results")
    grade_class.add_options(parser)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _seeds(text: str) -> tuple[int, int | None]:
    """A grade's seed, and that of its training where it is given."""
    grades, colon, trainings = text.partition(":")
    return _seed(grades), _seed(trainings) if colon else None


def _seed(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"a seed is a whole number of at most 18 digits, not {text!r}")
    return int(text)


def _grade(
    path: Path, name: str, rubric: Rubric, options: Options, arguments: argparse.Namespace
) -> GradedNotebook:
    from grader.commands.progress import progress
    from grader.pipeline import grade_notebook
    from grader.report.summary import summary
    from grader.text import line

    with progress(line(path.name), quiet=arguments.quiet, verbose=arguments.verbose) as tell:
        graded = grade_notebook(path, name, rubric, options, arguments.out, tell)
    if arguments.json:
        print(json.dumps(graded.grade.as_json(), indent=2, ensure_ascii=False))
    else:
        print(summary(graded.grade, rubric.exercises, width=_width(), colour=_colour()), end="")
        print(f"\nReport: {graded.html_path}\nResult: {graded.json_path}")
    if arguments.open:
        webbrowser.open(graded.html_path.resolve().as_uri())
    return graded


def _options(arguments: argparse.Namespace, rubric: Rubric, *, several: bool) -> Options:
    from grader.options import Options
    from grader.sandbox.isolation import required_isolation

    seed, training_seed = arguments.seed or (None, None)
    return Options(
        device=arguments.device,
        data=rubric.data.resolve(arguments.data),
        seed=seed,
        training_seed=training_seed,
        reuse=not arguments.no_reuse,
        quick=arguments.quick,
        only=tuple(arguments.only),
        mapped=mapped(arguments.map, rubric),
        isolation=required_isolation(several=several, unsafe=arguments.unsafe_no_sandbox),
    )


def mapped(pairs: Sequence[str], rubric: Rubric) -> tuple[tuple[str, str], ...]:
    """What ``--map NAME=YOURS`` says, each name one of the rubric's.

    Raises:
        UsageError: it is not of that form, or the rubric asks for no such name.
    """
    split = [pair.partition("=") for pair in pairs]
    for name, equals, own in split:
        if name not in rubric.wanted or not equals or not own:
            known = ", ".join(rubric.wanted)
            raise UsageError(f"--map takes NAME=YOURS, where NAME is one of {known}; {name!r} will not do")
    return tuple((name, own) for name, _, own in split)


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _width() -> int:
    try:
        return min(os.get_terminal_size(sys.stdout.fileno()).columns, 110)
    except OSError:
        return 100
