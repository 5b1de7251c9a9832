"""A finished term: one archive of everything that grading wrote, and the removal of personal data."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from grader.classroom.pages.large_class import FOLDER as STUDENTS
from grader.classroom.pages.reports import STUDENT_FOLDER
from grader.classroom.pages.similarity import FOLDER as SIMILAR
from grader.classroom.storage.kept import FOLDER as KEPT
from grader.classroom.storage.store import NAME
from grader.errors import UsageError
from grader.files import replacing, scratch_folder

_FOLDERS = (KEPT, STUDENT_FOLDER, STUDENTS, SIMILAR, "reproduced", "gradescope")
_LOCK = ".batch.lock"


def archive_term(out: Path, target: Path, keys: Sequence[str]) -> int:
    """Write the files of a term into one zip archive, and return their number.

    The gradebook is copied by SQLite's backup API, so that the copy is whole even while somebody writes.

    Args:
        keys: report names of all students.

    Raises:
        UsageError: a file cannot be read, or the archive cannot be written.
    """
    written = 0
    try:
        with (
            scratch_folder() as scratch,
            replacing(target) as draft,
            zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            copy = scratch / NAME
            backup(out / NAME, copy)
            for path in [copy, *(each for each in term_files(out, keys) if not _is_database(each))]:
                name = NAME if path == copy else path.relative_to(out).as_posix()
                archive.write(path, f"{out.resolve().name}/{name}")
                written += 1
    except OSError as error:
        raise UsageError(
            f"{error.filename or target} cannot be read or written ({error.strerror}); choose another --to"
        ) from error
    return written


def purge_term(out: Path, keys: Sequence[str]) -> list[Path]:
    """Remove every file of a term, and return what else lies in the folder.

    Raises:
        UsageError: a file cannot be removed.
    """
    try:
        for path in term_files(out, keys):
            path.unlink()
        for name in _FOLDERS:
            if (folder := out / name).is_dir() and not any(each.is_file() for each in folder.rglob("*")):
                shutil.rmtree(folder)
        return sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be removed ({error.strerror}); run it again") from error


def term_files(out: Path, keys: Sequence[str]) -> list[Path]:
    """Return the files in ``out`` that grading wrote."""
    return sorted({path for path in _candidates(out, keys) if path.is_file() and not path.is_symlink()})


def _candidates(out: Path, keys: Sequence[str]) -> Iterator[Path]:
    yield out / "index.html"
    yield out / _LOCK
    yield from out.glob(f"{Path(NAME).stem}*")  # with its journals, and copies made before a migration
    for key in keys:
        yield from (out / f"{key}.html", out / f"{key}.json")
    for folder in _FOLDERS:
        yield from (out / folder).rglob("*")


def _is_database(path: Path) -> bool:
    """Return whether a file is the gradebook or one of its journals; its own copy is archived instead."""
    return path.name == _LOCK or path.name in {NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}-journal"}


def backup(source: Path, target: Path) -> None:
    """Copy a consistent snapshot of an SQLite database, even during writes.

    Raises:
        UsageError: it cannot be read or written.
    """
    try:
        with (
            closing(sqlite3.connect(source.resolve().as_uri() + "?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise UsageError(f"{source} cannot be copied ({error})") from error
