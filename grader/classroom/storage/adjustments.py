"""Adjustments in the gradebook: rows are added and withdrawn, never changed or deleted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from grader.classroom.marks import Adjustment
from grader.classroom.storage.store import Store

_COLUMNS = (
    *("person", "kind", "criterion", "points", "because", "who", "at", "earned", "verdict", "until"),
    *("scope", "linked", "items", "answer", "place"),
)
_INSERT = (
    f"INSERT INTO adjustment ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' for _ in _COLUMNS)}) RETURNING *"
)


class AdjustmentStore(Store):
    """The part of a gradebook that holds adjustments."""

    def _add_adjustment(self, record: int, adjustment: Adjustment) -> Adjustment:
        """Store an adjustment of a record, under a new id, and return it with that."""
        values = {name: getattr(adjustment, name) for name in _COLUMNS if name != "person"}
        items = adjustment.items
        values |= {"person": record, "items": None if items is None else json.dumps(list(items))}
        return adjustment_of(self._rows(_INSERT, *(values[name] for name in _COLUMNS))[0])

    def _next_link(self) -> int:
        """Return a number that no group's adjustments have."""
        return int(self._rows("SELECT coalesce(max(linked), 0) + 1 AS next FROM adjustment")[0]["next"])

    def _adjustments(self, records: Iterable[int] | None) -> dict[int, list[Adjustment]]:
        """Return the adjustments not withdrawn, by record; of all records for None."""
        query = "SELECT * FROM adjustment WHERE withdrawn IS NULL"
        rows = (
            self._rows(query)
            if records is None
            else [row for each in records for row in self._rows(f"{query} AND person = ?", each)]
        )
        found: dict[int, list[Adjustment]] = {}
        for row in rows:
            found.setdefault(row["person"], []).append(adjustment_of(row))
        return found


def adjustment_of(row: sqlite3.Row) -> Adjustment:
    """Return the adjustment that a row holds."""
    fields = {name: row[name] for name in Adjustment.__dataclass_fields__}
    items = None if row["items"] is None else tuple(json.loads(row["items"]))
    return Adjustment(**{**fields, "items": items})
