"""``grade export --format …``: the grades of a class in the format of another system."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.commands import GRADED
from grader.errors import UsageError
from grader.files import replacing

if TYPE_CHECKING:
    from grader.classroom.exports.common import Export


def main(argv: Sequence[str]) -> int:
    """Show what changes, and write the grades to standard output or a file, or for Gradescope into a folder.

    Raises:
        UsageError: the file to fill in has another format, it cannot be known whose a row is, or the output
            cannot be written.
    """
    from grader.classroom.exports.changes import described
    from grader.classroom.exports.formats import FORMATS, exporter, request_for
    from grader.classroom.storage.gradebook import Gradebook
    from grader.text import clean

    arguments = _parser(FORMATS).parse_args(argv)
    chosen = FORMATS[arguments.format]
    if arguments.theirs and not chosen.fills_in:
        filled_in = [name for name, each in FORMATS.items() if each.fills_in]
        raise UsageError(f"--theirs only works with the formats {' and '.join(filled_in)}")
    if arguments.scale and chosen.is_own:
        own = [name for name, each in FORMATS.items() if each.is_own]
        raise UsageError(f"--scale does not work with the formats {', '.join(own)}, which hold every maximum")
    if arguments.scale and chosen.has_editions:
        raise UsageError("--scale does not work with reports, which show the marks as they are")
    with Gradebook(arguments.out) as book:
        request = replace(request_for(arguments.format, book, arguments.out), **_options(arguments))
        exported = exporter(arguments.format)(request)
    for row in described(exported.changes):
        print(row, file=sys.stderr)
    for warning in exported.warnings:
        print(f"grade: {clean(warning)}", file=sys.stderr)
    if arguments.dry_run:
        print("grade: nothing was written (--dry-run)", file=sys.stderr)
    else:
        _write(exported, arguments.to, arguments.out / arguments.format)
    return GRADED


def _parser(formats: Iterable[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade export", description="Export the grades of a class for another system."
    )
    parser.add_argument("--format", required=True, choices=tuple(formats), help="system or file format")
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


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("theirs", "assignment", "with_provisional", "confirm_names", "scale")
    return {name: getattr(arguments, name) for name in names}


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
