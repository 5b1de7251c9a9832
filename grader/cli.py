"""Entry point of ``grade``: pick the subcommand, run it and return its exit code."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from grader.commands import MISUSE, NOT_GRADED, SUBCOMMANDS
from grader.errors import GraderError


def run() -> None:
    """Run ``grade`` as the console script, and exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot print "β" prints "?"
    try:
        code = main()
    except KeyboardInterrupt:
        print("grade: stopped; finished results are in the output folder", file=sys.stderr)
        code = 130
    except (
        BrokenPipeError
    ):  # `grade ... | head` closed the pipe; Python would complain again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = NOT_GRADED
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand named first in ``argv``, or ``grade`` if there is none.

    Returns:
        0 on success, 1 if something was not graded or is provisional, 2 on misuse.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in SUBCOMMANDS else "grade"
    command = importlib.import_module(f"grader.commands.{name}")
    try:
        return int(command.main(words))
    except GraderError as error:
        print(f"grade: {error}", file=sys.stderr)
        return MISUSE
