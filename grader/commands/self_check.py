"""``grade NOTEBOOK`` of a kit: check a notebook of one's own before it is handed in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import SELF_CHECK_SUBCOMMANDS, epilog, judging_options, one_notebook
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.options import Options
    from grader.rubric import Rubric


def main(argv: Sequence[str]) -> int:
    """Check one notebook with what the kit asks.

    Returns:
        0 if it was checked, 1 if something could not be checked or is for a person to decide.

    Raises:
        UsageError: the path or an option is wrong.
    """
    return one_notebook.grade_one(*read_arguments(argv))


def read_arguments(argv: Sequence[str]) -> tuple[Path, Rubric, Options, argparse.Namespace]:
    """Return the notebook, the rubric, how to judge, and all that was given.

    Raises:
        UsageError: the path or an option is wrong.
    """
    arguments = _parser().parse_args(argv)
    from grader.rubric import Rubric
    from grader.sandbox.isolation import required_isolation

    path = Path(arguments.notebook)
    path = path.resolve() if path.is_symlink() else path  # the pipeline follows no links
    if not path.is_file():
        what = "is a folder: give one notebook" if path.is_dir() else "is not there; check the name"
        raise UsageError(f"{path} {what}")
    rubric = Rubric.load(arguments.rubric)
    rubric.only(tuple(arguments.only))
    isolation = required_isolation(several=False, unsafe=arguments.unsafe_no_sandbox)
    options = judging_options.read_options(arguments, rubric, isolation)
    return path, rubric, options, arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade",
        description="Check your homework notebook before you hand it in: print a summary, and write a JSON "
        "result and an HTML page. This is no grade.",
        epilog=epilog(SELF_CHECK_SUBCOMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebook", metavar="NOTEBOOK", help="your notebook (.ipynb)")
    one_notebook.add_out(parser)
    one_notebook.add_options(parser)
    parser.set_defaults(handout=None)  # that of the kit, if it has one
    return parser
