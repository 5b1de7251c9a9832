"""``grade export --format …``: the grades of a class in the format of another system."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classroom.exports.common import Export, ExportRequest
    from grader.classroom.gradebook import Gradebook

_FORMATS = {
    "canvas": "canvas.export",
    "moodle": "moodle.export",
    "gradescope": "gradescope.export",
    "nbgrader": "tables.nbgrader",
    "csv": "tables.full_csv",
    "json": "tables.as_json",
    "junit": "junit.export",
}
_FILLED_IN = ("canvas", "moodle")  # formats that can fill in a file downloaded from the other system


def main(argv: Sequence[str]) -> int:
    """Write the grades to standard output or a file, or for Gradescope into a folder.

    Raises:
        UsageError: the file to fill in has another format, or the output cannot be written.
    """
    from grader.classroom.gradebook import Gradebook
    from grader.text import clean

    arguments = _parser().parse_args(argv)
    if arguments.theirs and arguments.format not in _FILLED_IN:
        raise UsageError(f"--theirs only works with the formats {' and '.join(_FILLED_IN)}")
    with Gradebook(arguments.out) as book:
        exported = _exporter(arguments.format)(_request(book, arguments))
    for warning in exported.warnings:
        print(f"grade: {clean(warning)}", file=sys.stderr)
    _write(exported, arguments.to, arguments.out / arguments.format)
    return GRADED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade export", description="Export the grades of a class for another system."
    )
    parser.add_argument("--format", required=True, choices=_FORMATS, help="system or file format")
    parser.add_argument(
        "--theirs",
        type=Path,
        metavar="CSV",
        help="gradebook (Canvas) or worksheet (Moodle) to fill in, as downloaded from there",
    )
    parser.add_argument("--assignment", metavar="TITLE", help="the homework's title in the other system")
    parser.add_argument(
        "--with-provisional",
        action="store_true",
        help="include provisional grades, which nobody has reviewed yet",
    )
    parser.add_argument(
        "--to",
        type=Path,
        metavar="PATH",
        help="output file, or folder for Gradescope (default: standard output)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports"), metavar="DIR", help="folder of the results (reports)"
    )
    return parser


def _exporter(name: str) -> Callable[[ExportRequest], Export]:
    module, _, function = _FORMATS[name].partition(".")
    exporter: Callable[[ExportRequest], Export] = getattr(
        importlib.import_module(f"grader.classroom.exports.{module}"), function
    )
    return exporter


def _request(book: Gradebook, arguments: argparse.Namespace) -> ExportRequest:
    from grader.classroom.exports.common import ExportRequest

    entries, rubric, late = list(book.entries()), book.setting("rubric"), book.late_rule()
    return ExportRequest(
        entries=entries,
        title=rubric["title"],
        possible=max((entry.mark.possible for entry in entries), default=0.0),
        exercises={int(number): title for number, title in rubric["exercises"].items()},
        due=late.due.isoformat(sep=" ") if late else "",
        theirs=arguments.theirs,
        assignment=arguments.assignment,
        with_provisional=arguments.with_provisional,
    )


def _write(exported: Export, to: Path | None, folder: Path) -> None:
    try:
        if exported.files:
            root = to or folder
            for name, data in exported.files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(data)
            print(f"{len(exported.files)} files written to {root}")
        elif to:
            to.write_bytes(exported.data)
        else:
            sys.stdout.buffer.write(exported.data)
            sys.stdout.flush()
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or to} ({error.strerror})") from error
