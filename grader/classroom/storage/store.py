"""SQLite file below the gradebook: opening, schema, transactions, and readable errors."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from json import JSONDecodeError
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from grader.classroom.people.students import replace_surrogates
from grader.errors import UsageError

NAME = "gradebook.sqlite"
VERSION = 4  # of the schema; kept in the file as PRAGMA user_version
_UPGRADES = {  # by the version from which they lead to the next
    2: ("ALTER TABLE adjustment ADD COLUMN items TEXT", "ALTER TABLE adjustment ADD COLUMN answer TEXT"),
    3: ("ALTER TABLE adjustment ADD COLUMN place TEXT",),
}
_SCHEMA = Path(__file__).parent / "schema.sql"
_ADVICE = {  # by a part of SQLite's message
    "full": "free some disk space; everything graded so far is kept",
    "locking protocol": "its file system has no working locks; choose an --out on a local disk",
    "locked": "another command is writing to it; wait until that is done",
    "readonly": "make it writable, or choose another --out",
    "unable to open": "make the folder writable, or choose another --out",
    "disk I/O": "free some disk space; everything graded so far is kept",
}
_TAKES_LOCK = """
import fcntl, sys
try:
    fcntl.lockf(open(sys.argv[1], "r+b"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(1)
"""
_CHECKED_BYTES = 32 << 20
_INDEX = "CREATE INDEX IF NOT EXISTS attempt_of ON attempt (notebook, label, run)"  # gradebooks had none once
_T = TypeVar("_T")


class Store:
    """An open gradebook file; use it as a context manager.

    Every method raises UsageError, with advice, where SQLite raises an error.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.path = folder / NAME
        if not create and not self.path.exists():
            raise UsageError(
                f"there is no gradebook in {folder}; grade a folder first, or give its location with --out"
            )
        # isolation_level=None: by default, Python's module opens a transaction before each write and leaves
        # the commit to the caller. timeout: seconds to wait for another writer.
        self._is_writable = create or (os.access(self.path, os.W_OK) and os.access(folder, os.W_OK))
        uri = self.path.absolute().as_uri() + ("" if self._is_writable else _reading(self.path))
        self._db = self._checked(lambda: sqlite3.connect(uri, timeout=30.0, isolation_level=None, uri=True))
        self._checked(lambda: self._prepare(create) if self._is_writable else self._prepare_reading())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _prepare(self, create: bool) -> None:
        self._db.row_factory = sqlite3.Row
        # Write-ahead log: changes are appended to a second file, so that `grade list` can read while a batch
        # writes, and a killed process leaves at most an unfinished tail, which the next opening discards.
        # FULL also syncs the log at each commit (NORMAL only at checkpoints), so that a power failure loses
        # no grade that was reported as finished; beside seconds of grading, the sync costs nothing.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")  # off by default, and set for each connection
        # A check reads the whole file. In a large one, commands that grade nothing go without: SQLite reports
        # damage in what they read.
        checks = create or self.path.stat().st_size <= _CHECKED_BYTES
        if checks and (problem := self._db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(problem.splitlines()[0])
        with self.transaction():  # two processes may open a new gradebook at once
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                for statement in schema():
                    self._db.execute(statement)
            elif found == 1:
                self._migrate()  # to the present schema
            elif found > VERSION:
                raise UsageError(
                    f"{self.path} was written by a newer version of grade (schema {found}, this one knows "
                    f"{VERSION}); update grade, or choose another --out"
                )
            else:
                for statement in [each for version in range(found, VERSION) for each in _UPGRADES[version]]:
                    self._db.execute(statement)
            if found != VERSION:
                self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.execute(_INDEX)

    def _prepare_reading(self) -> None:
        self._db.row_factory = sqlite3.Row
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found != VERSION:
            raise UsageError(
                f"{self.path} was written by another version of grade (schema {found}, this one knows "
                f"{VERSION}) and cannot be changed here; make it and its folder writable, or copy them"
            )

    def _migrate(self) -> None:
        raise NotImplementedError  # by the gradebook, which knows people

    def _checked(self, action: Callable[[], _T]) -> _T:
        """Run ``action`` and turn errors of SQLite and of what is stored into UsageError."""
        try:
            return action()
        except (sqlite3.Error, JSONDecodeError) as error:  # JSON: in a column of an older gradebook
            raise self._usage_error(error) from error

    def _usage_error(self, error: sqlite3.Error | JSONDecodeError) -> UsageError:
        text = str(error)
        if isinstance(error, sqlite3.OperationalError):
            advice = next((each for part, each in _ADVICE.items() if part in text), "choose another --out")
            return UsageError(f"{self.path} cannot be used ({text}); {advice}")
        return UsageError(
            f"{self.path} is damaged ({text}) and was left unchanged; restore a backup, or move it away"
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all changes made in the block, or none if it raises; inside another, be part of that one."""
        if self._db.in_transaction:
            yield
            return
        try:
            # IMMEDIATE takes the write lock now. A deferred transaction that reads before it writes fails at
            # once, without waiting for `timeout`, if another process writes in between.
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back after some errors, such as a full disk
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise self._usage_error(error) from error

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        encodable = [replace_surrogates(value) if isinstance(value, str) else value for value in values]
        return self._checked(lambda: self._db.execute(query, encodable).fetchall())

    def setting(self, name: str) -> Any:
        """Return the value that ``set_setting`` stored, or None."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return json.loads(rows[0]["value"]) if rows else None

    def set_setting(self, name: str, value: Any) -> None:
        """Store a value, as JSON, under a name."""
        self._rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, json.dumps(value))


def schema() -> list[str]:
    """Return the statements of the schema.

    They run one by one, since sqlite3's executescript() would commit the transaction first.
    """
    return _SCHEMA.read_text(encoding="utf-8").split(";\n")


def timestamp() -> str:
    """Return the current time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def current_user() -> str:
    """Return the name of the user who runs this process, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _reading(path: Path) -> str:
    """Return the parameters of the address of a gradebook that may only be read.

    Even to read, SQLite writes beside a file with a write-ahead log, unless it is told that nobody changes
    the file. That would be untrue while there is a log: a batch is running, or was killed.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    return "?mode=ro" if has_log else "?mode=ro&immutable=1"


def _check_locks(folder: Path) -> None:
    """Refuse a folder whose locks do not hold, as on some network shares.

    Raises:
        UsageError: another process was given a lock that this one holds.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        probe = tempfile.NamedTemporaryFile(dir=folder, prefix=".lock-")  # noqa: SIM115  closed below
    except OSError as error:
        raise UsageError(f"{folder} cannot be written to ({error.strerror}); choose another --out") from error
    with probe as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A lock is this process's, so only another process can tell whether it holds.
            ran = subprocess.run([sys.executable, "-I", "-S", "-c", _TAKES_LOCK, file.name], timeout=60)
            holds = ran.returncode != 0
        except (OSError, subprocess.SubprocessError):
            holds = False
    if not holds:
        raise UsageError(
            f"{folder} is on a file system without working locks, as some network shares are, where two "
            "graders could spoil the gradebook; choose an --out on a local disk"
        )


@contextmanager
def batch_lock(folder: Path) -> Iterator[None]:
    """Hold the lock that lets only one batch at a time grade into ``folder``.

    The lock is SQLite's lock on a file of its own: portable, and released by the operating system however
    the process ends, so that no stale lock is left behind by ``kill -9``.

    Raises:
        UsageError: another batch holds the lock, or the file cannot be used.
    """
    path = folder / ".batch.lock"
    _check_locks(folder)
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


def batch_is_running(folder: Path) -> bool:
    """Return whether a batch holds the lock of ``folder``; nothing is written there."""
    path = folder / ".batch.lock"
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", timeout=0.0, uri=True)) as lock:
            lock.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        return "locked" in str(error)
    return False
