"""Entry point of the ``grade`` command: choose the subcommand, run it, and return its exit code."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from grader.commands import MISUSE, NOT_GRADED, SUBCOMMANDS
from grader.errors import GraderError


def run() -> None:
    """Run the console script and exit with its code; 130 after Ctrl-C, as shells expect."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode must not cause a traceback
    try:
        code = main()
    except KeyboardInterrupt:
        print("grade: interrupted; the results so far are in the output folder", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # `grade … | head`
        # Python flushes stdout once more at exit; redirected, that cannot fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = NOT_GRADED
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that ``argv`` starts with; without one, grade the paths in it.

    Returns:
        0 on success, 1 if something could not be graded or is provisional, 2 on wrong usage.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in SUBCOMMANDS else "grade"
    command = importlib.import_module(f"grader.commands.{name}")  # late, so that --help starts at once
    try:
        return int(command.main(words))
    except GraderError as error:
        print(f"grade: {error}", file=sys.stderr)
        return MISUSE
