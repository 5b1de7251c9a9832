"""``grade purge``: remove the personal data of a term."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED
from grader.errors import UsageError
from grader.text import clean


def main(argv: Sequence[str]) -> int:
    """Remove gradebook, hand-ins and reports of a term.

    Raises:
        UsageError: there is no gradebook, a batch is running, or ``--yes`` is missing.
    """
    from grader.classroom.storage.gradebook import Gradebook
    from grader.classroom.storage.store import batch_lock
    from grader.classroom.storage.term import purge_term, term_files

    arguments = _parser().parse_args(argv)
    out = arguments.out
    Gradebook(out).close()  # says so if there is none, before anything is written there
    with batch_lock(out):  # until all is removed, so that no batch begins to write meanwhile
        with Gradebook(out) as book:
            keys = book.keys()
        files = term_files(out, keys)
        if not arguments.yes:
            raise UsageError(
                f"this removes {len(files)} files in {out} with the grades of {len(keys)} students, and "
                "nothing brings them back; keep a copy with `grade archive`, then repeat with --yes"
            )
        left = purge_term(out, keys)
    print(f"{len(files)} files with the grades of {len(keys)} students were removed from {out}")
    if left:
        names = ", ".join(clean(str(path)) for path in left[:5])
        print(f"grade: left, since grading did not write them: {len(left)} files ({names})", file=sys.stderr)
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade purge",
        description="Remove everything that grading wrote about students: the gradebook, what was handed in, "
        "and all reports. Downloads and exports elsewhere are yours to remove.",
    )
    parser.add_argument("--yes", action="store_true", help="really remove them")
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser
