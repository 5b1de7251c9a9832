"""The file below the gradebook: opening it, transactions, and sentences for all that can be wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from grader.classroom.students import encodable
from grader.errors import UsageError

NAME = "gradebook.sqlite"
VERSION = 1
_SCHEMA = Path(__file__).parent / "schema.sql"
_T = TypeVar("_T")


class Store:
    """An open gradebook file; a context manager. Raises UsageError for whatever is wrong with it."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.path = folder / NAME
        if not create and not self.path.exists():
            raise UsageError(
                f"there is no gradebook in {folder}; grade a folder first, or say where it is with --out"
            )
        self._db = self._told(lambda: sqlite3.connect(self.path, timeout=30.0, isolation_level=None))
        self._told(self._prepare)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def _prepare(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        if problem := self._db.execute("PRAGMA quick_check(1)").fetchone()[0].replace("ok", ""):
            raise sqlite3.DatabaseError(problem.splitlines()[0])
        with self.transaction():
            if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.read_text(encoding="utf-8").split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {VERSION}")
        if (found := self._db.execute("PRAGMA user_version").fetchone()[0]) != VERSION:
            raise UsageError(
                f"{self.path} was written by another version of grade ({found}); choose another --out"
            )

    def _told(self, act: Callable[[], _T]) -> _T:
        """Do it, and turn SQLite's errors into a sentence."""
        try:
            return act()
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.Error) -> UsageError:
        text = str(error)
        if isinstance(error, sqlite3.OperationalError):
            advice = {
                "full": "make room on the disk; what was graded before is kept",
                "locked": "another command is writing to it; wait until it is done",
                "readonly": "make it writable, or choose another --out",
                "unable to open": "make the folder writable, or choose another --out",
                "disk I/O": "make room on the disk; what was graded before is kept",
            }
            what = next((say for word, say in advice.items() if word in text), "choose another --out")
            return UsageError(f"{self.path} cannot be used ({text}); {what}")
        return UsageError(
            f"{self.path} is damaged ({text}); it was left as it is: put back a copy, or move it away"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes within are kept, or none of them."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise self._explained(error) from error

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        told = [encodable(value) if isinstance(value, str) else value for value in values]
        return self._told(lambda: self._db.execute(query, told).fetchall())

    def setting(self, name: str) -> Any:
        """A value that was kept by ``keep``; None where there is none."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return json.loads(rows[0]["value"]) if rows else None

    def keep(self, name: str, value: Any) -> None:
        """Keep a value under a name."""
        self._rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, json.dumps(value))


@contextmanager
def only_batch(folder: Path) -> Iterator[None]:
    """Keeps a second batch out for as long as this one runs, however either ends: the system lets go of it.

    Raises:
        UsageError: another batch is writing there.
    """
    path = folder / ".batch.lock"
    try:
        lock = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        with closing(lock):
            lock.execute("BEGIN EXCLUSIVE")
            yield
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise UsageError(
                f"another batch is grading into {folder}; wait until it is done, or choose another --out"
            ) from error
        raise UsageError(f"{path} cannot be used ({error}); remove it, or choose another --out") from error
