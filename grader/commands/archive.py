"""``grade archive``: one file with everything of a term."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grader.commands import GRADED
from grader.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Write gradebook, hand-ins, rubrics and reports into one zip archive.

    Raises:
        UsageError: there is no gradebook, or the archive cannot be written.
    """
    from grader.classroom.storage.gradebook import Gradebook
    from grader.classroom.storage.term import archive_term

    arguments = _parser().parse_args(argv)
    with Gradebook(arguments.out) as book:
        keys = book.keys()
    if arguments.to.exists():
        raise UsageError(f"{arguments.to} exists already; choose another --to")
    written = archive_term(arguments.out, arguments.to, keys)
    print(f"{arguments.to}: {written} files, {arguments.to.stat().st_size / 1e6:.1f} MB")
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
