"""The class in memory: entries read once, and only those read again that somebody changed.

To put a thousand entries together takes a second or two, to show a page a few milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grader.classroom.storage.entries import GradebookEntry
from grader.classroom.storage.gradebook import Gradebook
from grader.model import CriterionResult

_OF_ALL = ("marking", "late", "attempt", "boundaries", "rubric")  # settings that every mark depends on
_MOST_CACHED = 200
# What tells, by record, that its hand-ins or adjustments have changed.
_CHANGES = {
    "attempt": "SELECT person, count(*), max(rowid), max(run), sum(result) FROM attempt GROUP BY person",
    "adjustment": """SELECT person, count(*), max(id), count(withdrawn), group_concat(because)
        FROM adjustment GROUP BY person""",
}


@dataclass(frozen=True, slots=True)
class _Stamps:
    """What was in the file when the entries were read."""

    everybody: Hashable
    attempts: Mapping[int, Hashable]
    adjustments: Mapping[int, Hashable]


class ClassIndex:
    """All entries of a gradebook by the id of the person's record, sorted by name."""

    def __init__(self) -> None:
        self.entries: dict[int, GradebookEntry] = {}
        self._cached: dict[Hashable, Any] = {}
        self._version, self._stamps = -1, _Stamps((), {}, {})

    def refresh(self, book: Gradebook) -> None:
        """Read again what another process changed."""
        version = book._rows("PRAGMA data_version")[0][0]
        if version != self._version:
            self._reload(book)
            self._version = version

    def update(self, book: Gradebook, entries: Iterable[GradebookEntry]) -> None:
        """Take over entries that this process changed and has committed."""
        for entry in entries:
            self._put(entry)
        self._stamps = replace(self._stamps, adjustments=_by_record(book, "adjustment"))

    def cached(self, key: Hashable) -> Any:
        """Return what was computed from the judge's results as they are now; None if nothing was."""
        return self._cached.get(key)

    def cache(self, key: Hashable, value: Any) -> Any:
        """Keep what was computed from the judge's results until any of them changes, and return it."""
        if len(self._cached) >= _MOST_CACHED:
            self._cached.clear()
        self._cached[key] = value
        return value

    def _put(self, entry: GradebookEntry) -> None:
        known = self.entries.get(entry.person.record)
        if known is None or known.grade is not entry.grade:
            self._cached.clear()
        self.entries[entry.person.record] = entry

    def _reload(self, book: Gradebook) -> None:
        before = self._stamps
        self._stamps = now = _Stamps(
            _of_everybody(book), _by_record(book, "attempt"), _by_record(book, "adjustment")
        )
        if now.everybody != before.everybody or not self.entries:
            self.entries = {entry.person.record: entry for entry in book.entries()}
            self._cached.clear()
            return
        changed = _differing(before.attempts, now.attempts) | _differing(before.adjustments, now.adjustments)
        directory = book.directory()
        for record in {directory.root(each).id for each in changed}:
            entry = book.entry(directory.records[record].key)
            self._put(entry)


def result_of(entry: GradebookEntry, criterion: str) -> CriterionResult | None:
    """Return the judge's result of one criterion."""
    results = entry.grade.criteria if entry.grade else ()
    return next((result for result in results if result.id == criterion), None)


def revision(entry: GradebookEntry, criterion: str) -> str:
    """Return what changes whenever a student's points or comments on a criterion do."""
    result = result_of(entry, criterion)
    judged = (result.verdict.value, result.earned, result.message) if result else ()
    made = [(each.id, each.because) for each in entry.adjustments if each.criterion == criterion]
    return digest(entry.result, judged, made)


def digest(*parts: object) -> str:
    """Return a short digest of plain values."""
    return hashlib.sha256(repr(parts).encode(errors="surrogatepass")).hexdigest()[:16]


def _of_everybody(book: Gradebook) -> Hashable:
    tables = ("person", "identifier", "link", "conflict", "person_name")
    rows = [tuple(row) for table in tables for row in book._rows(f"SELECT * FROM {table} ORDER BY rowid")]
    return digest(rows, [book.setting(name) for name in _OF_ALL])


def _by_record(book: Gradebook, table: str) -> Mapping[int, Hashable]:
    return {row[0]: tuple(row) for row in book._rows(_CHANGES[table])}


def _differing(before: Mapping[int, Hashable], now: Mapping[int, Hashable]) -> set[int]:
    return {record for record in {*before, *now} if before.get(record) != now.get(record)}
