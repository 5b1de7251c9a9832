"""Any JSON value laid out for reading: pairs, lists, tables and text, bounded in depth, length and size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.text import clean

# Limits of one outline, since extraction results can hold whatever a notebook holds.
MAX_VALUES, MAX_ITEMS, MAX_COLUMNS, MAX_DEPTH, MAX_CHARACTERS = 1500, 200, 8, 5, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One value; ``kind`` selects the fields that hold it.

    "text" and "code" (a digest): ``text``; "list": ``items``; "pairs": ``labels`` and ``items``;
    "table": ``labels`` as the header of ``rows``.
    """

    kind: str
    text: str = ""
    labels: tuple[str, ...] = ()
    items: tuple[Outline, ...] = ()
    rows: tuple[tuple[Outline, ...], ...] = ()
    left_out: int = 0  # items omitted because of a limit


def outline(value: Any) -> Outline:
    """Lay out a JSON value for a template."""
    return _Builder(left=MAX_VALUES).build(value, depth=0)


def label(key: Any) -> str:
    """Format a key of the JSON result as a label, such as "Training seed"."""
    text = clean(key, limit=60).replace("_", " ").strip()
    return {"sha256": "SHA-256", "id": "Name"}.get(text, text[:1].upper() + text[1:])


@dataclass(slots=True)
class _Builder:
    """Builds an outline until ``left``, the number of values that still fit, is used up."""

    left: int

    def build(self, value: Any, *, depth: int) -> Outline:
        self.left -= 1
        if value is None or (isinstance(value, str | Sequence | Mapping) and not value):
            return _text("none")
        if isinstance(value, bool):
            return _text("yes" if value else "no")
        if isinstance(value, float):
            return _text(f"{value:g}")
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        if depth == MAX_DEPTH and (is_list or isinstance(value, Mapping)):
            return Outline(kind="list", left_out=len(value))
        if isinstance(value, Mapping):
            return self._pairs(value, depth)
        if is_list:
            columns = _columns(value)
            return self._table(value, columns, depth) if columns else self._list(value, depth)
        text = clean(value, limit=MAX_CHARACTERS)
        is_digest = re.fullmatch("[0-9a-f]{32,}", text)
        return Outline(kind="code", text=text) if is_digest else _text(text)

    def _pairs(self, values: Mapping[Any, Any], depth: int) -> Outline:
        shown = list(values.items())[: self._remaining()]
        items = tuple(self.build(inner, depth=depth + 1) for _, inner in shown)
        # Keys below the top level stay as they are: they may be names in the student's code.
        labels = tuple(clean(key, limit=MAX_CHARACTERS) for key, _ in shown)
        return Outline(kind="pairs", labels=labels, items=items, left_out=len(values) - len(shown))

    def _table(self, values: Sequence[Any], columns: Sequence[Any], depth: int) -> Outline:
        shown = values[: self._remaining()]
        rows = tuple(tuple(self.build(row.get(key, ""), depth=depth + 1) for key in columns) for row in shown)
        labels = tuple(label(key) for key in columns)
        return Outline(kind="table", labels=labels, rows=rows, left_out=len(values) - len(shown))

    def _list(self, values: Sequence[Any], depth: int) -> Outline:
        shown = values[: self._remaining()]
        items = tuple(self.build(inner, depth=depth + 1) for inner in shown)
        return Outline(kind="list", items=items, left_out=len(values) - len(shown))

    def _remaining(self) -> int:
        return max(0, min(MAX_ITEMS, self.left))


def _text(text: str) -> Outline:
    return Outline(kind="text", text=text)


def _columns(rows: Sequence[Any]) -> tuple[Any, ...]:
    """Return the union of the rows' keys if a table suits them: flat mappings with few keys; else ()."""
    keys: dict[Any, None] = {}
    for row in rows:
        if not isinstance(row, Mapping) or any(isinstance(inner, Mapping | list) for inner in row.values()):
            return ()
        keys |= dict.fromkeys(row)
        if len(keys) > MAX_COLUMNS:
            return ()
    return tuple(keys)
