"""``grade archive``: one file with everything of a term."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED, NOT_GRADED
from grader.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Write gradebook, hand-ins, rubrics and reports into one zip archive.

    Returns:
        0, or 1 if a batch was grading meanwhile, so that the archive is not complete.

    Raises:
        UsageError: there is no gradebook, or the archive cannot be written.
    """
    from grader.classroom.storage.gradebook import Gradebook
    from grader.classroom.storage.store import batch_is_running
    from grader.classroom.storage.term import archive_term

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        keys = book.keys()
    if arguments.to.exists():
        raise UsageError(f"{arguments.to} exists already; choose another --to")
    was_running = batch_is_running(arguments.out)
    written = archive_term(arguments.out, arguments.to, keys)
    print(f"{arguments.to}: {written} files, {arguments.to.stat().st_size / 1e6:.1f} MB")
    if was_running or batch_is_running(arguments.out):
        print(
            f"grade: a batch is grading into {arguments.out}, so the archive holds only what was finished; "
            "write another one when it is done",
            file=sys.stderr,
        )
        return NOT_GRADED
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade archive",
        description="Write everything of a term into one zip archive: the gradebook, what was handed in, the "
        "rubrics and the reports. Unpacked, it works as before.",
    )
    parser.add_argument(
        "--to", type=Path, default=Path("term.zip"), metavar="ZIP", help="the archive (term.zip)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser
