"""``grade PATH…``: grade notebooks. Results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grader.commands import SUBCOMMANDS, epilog, grade_class, grade_shard, judging_options, one_notebook
from grader.errors import UsageError


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
    return one_notebook.grade_one(path, rubric, options, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade",
        description="Grade homework notebooks: print a summary, and write a JSON result and an HTML report.",
        epilog=epilog(SUBCOMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a notebook, or a folder or an archive (zip, tar) of notebooks",
    )
    one_notebook.add_out(parser)
    parser.add_argument(
        "--for",
        dest="person",
        metavar="PERSON",
        help="enter the notebook into the gradebook as an attempt of this student (key, name, login, id)",
    )
    one_notebook.add_options(parser)
    grade_class.add_options(parser)
    return parser
