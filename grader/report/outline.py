"""Any JSON value, laid out for reading: pairs, lists, tables and text, however deep, long or odd it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.text import clean

VALUES, ITEMS, COLUMNS, DEPTH, LETTERS = 1500, 200, 8, 5, 400  # what one outline may take of a page


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One value. ``kind`` tells which of the other fields hold it.

    "text" and "code" (a digest): ``text``; "list": ``items``; "pairs": ``labels`` and ``items``;
    "table": ``labels`` over ``rows``.
    """

    kind: str
    text: str = ""
    labels: tuple[str, ...] = ()
    items: tuple[Outline, ...] = ()
    rows: tuple[tuple[Outline, ...], ...] = ()
    left_out: int = 0  # items that were too many to show


def outline(value: Any) -> Outline:
    """The value as something a template can lay out."""
    return _Writer(left=VALUES).write(value, depth=0)


def label(key: Any) -> str:
    """A key in words."""
    text = clean(key, limit=60).replace("_", " ").strip()
    return {"sha256": "SHA-256", "id": "Name"}.get(text, text[:1].upper() + text[1:])


@dataclass(slots=True)
class _Writer:
    """Writes values until the page has had enough of them."""

    left: int

    def write(self, value: Any, *, depth: int) -> Outline:
        self.left -= 1
        if value is None or (isinstance(value, str | Sequence | Mapping) and not value):
            return _text("none")
        if isinstance(value, bool):
            return _text("yes" if value else "no")
        if isinstance(value, float):
            return _text(f"{value:g}")
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        if depth == DEPTH and (is_list or isinstance(value, Mapping)):
            return Outline(kind="list", left_out=len(value))
        if isinstance(value, Mapping):
            return self._pairs(value, depth)
        if is_list:
            columns = _columns(value)
            return self._table(value, columns, depth) if columns else self._list(value, depth)
        text = clean(value, limit=LETTERS)
        return Outline(kind="code", text=text) if re.fullmatch("[0-9a-f]{32,}", text) else _text(text)

    def _pairs(self, values: Mapping[Any, Any], depth: int) -> Outline:
        shown = list(values.items())[: self._room()]
        items = tuple(self.write(inner, depth=depth + 1) for _, inner in shown)
        labels = tuple(
            clean(key, limit=LETTERS) for key, _ in shown
        )  # as they are: they may be names in code
        return Outline(kind="pairs", labels=labels, items=items, left_out=len(values) - len(shown))

    def _table(self, values: Sequence[Any], columns: Sequence[Any], depth: int) -> Outline:
        shown = values[: self._room()]
        rows = tuple(tuple(self.write(row.get(key, ""), depth=depth + 1) for key in columns) for row in shown)
        labels = tuple(label(key) for key in columns)
        return Outline(kind="table", labels=labels, rows=rows, left_out=len(values) - len(shown))

    def _list(self, values: Sequence[Any], depth: int) -> Outline:
        shown = values[: self._room()]
        items = tuple(self.write(inner, depth=depth + 1) for inner in shown)
        return Outline(kind="list", items=items, left_out=len(values) - len(shown))

    def _room(self) -> int:
        return max(0, min(ITEMS, self.left))


def _text(text: str) -> Outline:
    return Outline(kind="text", text=text)


def _columns(rows: Sequence[Any]) -> tuple[Any, ...]:
    """The keys of all rows, where these are the rows of a table."""
    keys: dict[Any, None] = {}
    for row in rows:
        if not isinstance(row, Mapping) or any(isinstance(inner, Mapping | list) for inner in row.values()):
            return ()
        keys |= dict.fromkeys(row)
        if len(keys) > COLUMNS:
            return ()
    return tuple(keys)
