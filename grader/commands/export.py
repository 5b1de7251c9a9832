"""``grade export --format …``: the grades of a class in the format of another system."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands import GRADED
from grader.errors import UsageError
from grader.files import replacing

if TYPE_CHECKING:
    from grader.classroom.exports.common import Export, ExportRequest
    from grader.classroom.storage.gradebook import Gradebook, GradebookEntry

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
_OWN = ("csv", "json", "junit")  # formats that say of how many points a mark is, and go to no platform


def main(argv: Sequence[str]) -> int:
    """Show what changes, and write the grades to standard output or a file, or for Gradescope into a folder.

    Raises:
        UsageError: the file to fill in has another format, it cannot be known whose a row is, or the output
            cannot be written.
    """
    from grader.classroom.exports.changes import described
    from grader.classroom.storage.gradebook import Gradebook
    from grader.text import clean

    arguments = _parser().parse_args(argv)
    if arguments.theirs and arguments.format not in _FILLED_IN:
        raise UsageError(f"--theirs only works with the formats {' and '.join(_FILLED_IN)}")
    if arguments.scale and arguments.format in _OWN:
        raise UsageError(
            f"--scale does not work with the formats {', '.join(_OWN)}, which hold every maximum"
        )
    with Gradebook(arguments.out) as book:
        exported = _exporter(arguments.format)(_request(book, arguments))
    for row in described(exported.changes):
        print(row, file=sys.stderr)
    for warning in exported.warnings:
        print(f"grade: {clean(warning)}", file=sys.stderr)
    if arguments.dry_run:
        print("grade: nothing was written (--dry-run)", file=sys.stderr)
    else:
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
        "--confirm-names",
        action="store_true",
        help="include students whom only a name connects with their row or their file",
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="scale marks of other points, as with --quick, to the other system's maximum or the homework's",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and write nothing")
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
        possible=rubric.get("total") or _largest_maximum(entries),
        exercises={int(number): title for number, title in rubric["exercises"].items()},
        due=late.due.isoformat(sep=" ", timespec="seconds") if late else "",
        theirs=arguments.theirs,
        assignment=arguments.assignment,
        with_provisional=arguments.with_provisional,
        confirm_names=arguments.confirm_names,
        scale=arguments.scale,
    )


def _largest_maximum(entries: Sequence[GradebookEntry]) -> float:
    """Return the homework's points for a gradebook that does not say: those of a grade for everything."""

    def is_whole(entry: GradebookEntry) -> bool:
        settings = json.loads(entry.inputs.settings) if entry.inputs else {}
        return not settings.get("quick") and not settings.get("only")

    return max((entry.mark.possible for entry in entries if is_whole(entry)), default=0.0)


def _write(exported: Export, to: Path | None, folder: Path) -> None:
    try:
        if exported.files is not None:
            root = to or folder
            for name, data in exported.files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                _replace(root / name, data)
            print(f"{len(exported.files)} files written to {root}")
        elif to:
            _replace(to, exported.data)
        else:
            sys.stdout.buffer.write(exported.data)
            sys.stdout.flush()
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or to} ({error.strerror})") from error


def _replace(path: Path, data: bytes) -> None:
    """Write a file through a draft, so that a full disk leaves the one before as it was."""
    if path.exists() and not path.is_file():  # such as /dev/stdout
        path.write_bytes(data)
        return
    with replacing(path) as draft:
        draft.write_bytes(data)
