"""Entry point of the ``grade`` command: choose the subcommand, run it, and return its exit code."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial

from grader.commands import MISUSE, NOT_GRADED, SELF_CHECK_SUBCOMMANDS, SUBCOMMANDS
from grader.errors import GraderError
from grader.streams import Stream, guard_streams


def run() -> None:
    """Run the console script and exit with its code; 130 after Ctrl-C, as shells expect."""
    _run(main)


def run_self_check() -> None:
    """Do what ``run`` does with the commands of a kit, which students install."""
    _run(partial(main, subcommands=SELF_CHECK_SUBCOMMANDS, otherwise="self_check"))


def _run(command: Callable[[], int]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode must not cause a traceback
    output = guard_streams()
    try:
        code: int | str | None = command()
    except KeyboardInterrupt:
        print("grade: interrupted; the results so far are in the output folder", file=sys.stderr)
        code = 130
    except SystemExit as leaving:  # raised by --help and by wrong options
        code = leaving.code
    sys.exit(_code_after(output) or code)


def _code_after(output: Stream | None) -> int:
    """Report a failure to write standard output, and return its exit code; 0 if all is written."""
    if output is None:
        return 0
    sys.stdout.flush()
    if output.error is None or output.is_reported:
        return 0
    if isinstance(output.error, BrokenPipeError):  # `grade … | head`
        return NOT_GRADED
    print(
        f"grade: standard output cannot be written ({output.error.strerror}); what was printed is lost, what "
        "was written to files is there",
        file=sys.stderr,
    )
    return MISUSE


def main(
    argv: Sequence[str] | None = None,
    *,
    subcommands: Collection[str] = SUBCOMMANDS,
    otherwise: str = "grade",
) -> int:
    """Run the subcommand that ``argv`` starts with; without one, grade the paths in it.

    Args:
        subcommands: names of those that there are.
        otherwise: the module of ``grader.commands`` to run without one.

    Returns:
        0 on success, 1 if something could not be graded or is provisional, 2 on wrong usage.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in subcommands else otherwise
    module = name.replace("-", "_")
    command = importlib.import_module(f"grader.commands.{module}")  # late, so that --help starts at once
    try:
        return int(command.main(words))
    except GraderError as error:
        print(f"grade: {error}", file=sys.stderr)
        return MISUSE
