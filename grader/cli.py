"""The command ``grade``: find what is asked for, run it, answer with an exit code."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from grader.commands import MISUSE, NOT_GRADED, SUBCOMMANDS
from grader.errors import GraderError


def run() -> None:
    """The console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # no terminal's encoding is worth a traceback
    try:
        code = main()
    except KeyboardInterrupt:
        print("grade: stopped; what was finished is in the reports", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # `grade … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = NOT_GRADED
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that ``argv`` begins with, or else grade what it names.

    Returns:
        0 when all is well, 1 when something could not be graded or is provisional, 2 on misuse.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in SUBCOMMANDS else "grade"
    command = importlib.import_module(f"grader.commands.{name}")
    try:
        return int(command.main(words))
    except GraderError as error:
        print(f"grade: {error}", file=sys.stderr)
        return MISUSE
