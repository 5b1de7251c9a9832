"""Attempts of people in the gradebook, and which of a person's attempts counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.classroom.storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """An attempt as the gradebook keeps it.

    Attributes:
        person: id of the record that it was handed in under.
        run, first_run: numbers of the newest run that found it and of the first one.
        notebook: SHA-256 of everything that is read for it.
        entered: when and by whom it was entered by hand; None if a run found it.
        result: id of its result; None until it is graded.

    The other fields are those of ``Attempt``.
    """

    person: int
    run: int
    first_run: int
    label: str
    notebook: str
    number: int = 0
    handed_in: datetime | None = None
    unread_time: str = ""
    is_late: bool = False
    group: str = ""
    entered: str | None = None
    result: int | None = None


def current_attempts(attempts: Iterable[StoredAttempt]) -> list[StoredAttempt]:
    """Return a person's attempts that can count, oldest first: those of the newest run, and those by hand.

    An attempt entered by hand comes after what was known when it was entered.
    """
    every = list(attempts)
    newest = max((each.run for each in every if each.entered is None), default=0)
    found = sorted((each for each in every if each.entered is None and each.run == newest), key=_order)
    by_hand = sorted((each for each in every if each.entered is not None), key=lambda each: each.run)
    last_new = max((each.first_run for each in found), default=0)
    before = [each for each in by_hand if each.run < last_new]
    return [*before, *found, *(each for each in by_hand if each.run >= last_new)]


def counting_attempt(
    attempts: Sequence[StoredAttempt], points: Callable[[StoredAttempt], float] | None
) -> StoredAttempt | None:
    """Return the attempt that counts: the last, or with ``points`` the last of those with most."""
    graded = [each for each in attempts if each.result is not None]
    if points is None or not graded:
        return attempts[-1] if attempts else None
    return max(reversed(graded), key=points)


class AttemptStore(Store):
    """The part of a gradebook that holds attempts."""

    def next_run(self) -> int:
        """Return the number of a new run."""
        number = int(self.setting("run") or 0) + 1
        self.set_setting("run", number)
        return number

    def attempts(self, records: Iterable[int] | None = None) -> dict[int, list[StoredAttempt]]:
        """Return the attempts of all records, or of some, by record."""
        rows = (
            self._rows("SELECT * FROM attempt ORDER BY rowid")
            if records is None
            else [
                row
                for record in records
                for row in self._rows("SELECT * FROM attempt WHERE person = ? ORDER BY rowid", record)
            ]
        )
        found: dict[int, list[StoredAttempt]] = {}
        for row in rows:
            found.setdefault(row["person"], []).append(_attempt(row))
        return found

    def members(self, attempt: StoredAttempt) -> list[int]:
        """Return the records of all members of a hand-in."""
        query = "SELECT person FROM attempt WHERE run = ? AND label = ? AND notebook = ? ORDER BY person"
        return [row["person"] for row in self._rows(query, attempt.run, attempt.label, attempt.notebook)]

    def release_attempts(self, run: int) -> list[tuple[int, str]]:
        """Remove hand-ins from records that had them before a run found them to be others'.

        Returns:
            Each record with the label of what it had.
        """
        query = """DELETE FROM attempt WHERE entered IS NULL AND run < ? AND EXISTS (
            SELECT 1 FROM attempt AS found WHERE found.run = ? AND found.entered IS NULL
            AND found.label = attempt.label AND found.notebook = attempt.notebook) RETURNING person, label"""
        return [(row["person"], row["label"]) for row in self._rows(query, run, run)]

    def save_attempts(self, record: int, attempts: Sequence[StoredAttempt]) -> None:
        """Replace what earlier runs found of a record, or add to it what is entered by hand."""
        first = {
            (each.label, each.notebook): each.first_run for each in self.attempts([record]).get(record, ())
        }
        if any(each.entered is None for each in attempts):
            self._rows("DELETE FROM attempt WHERE person = ? AND entered IS NULL", record)
        for each in attempts:
            self._rows(
                "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                record,
                each.run,
                first.get((each.label, each.notebook), each.run),
                each.label,
                each.notebook,
                each.number,
                each.handed_in.isoformat() if each.handed_in else None,
                each.unread_time,
                each.is_late,
                each.group,
                each.entered,
                each.result,
            )


def _order(attempt: StoredAttempt) -> tuple[int, float, str]:
    return attempt.number, attempt.handed_in.timestamp() if attempt.handed_in else 0.0, attempt.label


def _attempt(row: sqlite3.Row) -> StoredAttempt:
    plain = ("person", "run", "first_run", "label", "notebook", "number", "unread_time", "entered", "result")
    return StoredAttempt(
        **{name: row[name] for name in plain},
        handed_in=datetime.fromisoformat(row["handed_in"]) if row["handed_in"] else None,
        is_late=bool(row["late"]),
        group=row["team"],
    )
