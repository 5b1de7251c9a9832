"""The table of what an export changes in the other system, shown before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from grader.classroom.rosters.tables import number
from grader.text import line

_UNCHANGED_SHOWN = 5  # rows; those that change are all shown
_NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One student's row.

    Attributes:
        student: as the other system names the student.
        old: what its table holds; None where no table was given.
        new: what it will hold.
        by: the identifier that matched, with its kind, or "name".
    """

    student: str
    old: str | None
    new: str
    by: str

    @property
    def is_one(self) -> bool:
        """True unless the row keeps its value."""
        return not same_mark(self.old or "", self.new)


def same_mark(one: str, other: str) -> bool:
    """Return whether two cells mean the same mark, such as "10" and "10,00"."""
    numbers = number(one), number(other)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return one.strip().strip("-").casefold() == other.strip().strip("-").casefold()


def described(changes: Sequence[Change]) -> list[str]:
    """Return the lines of an aligned table; rows without a change are shortened to a few."""
    if not changes:
        return []
    shown, unchanged = [], 0
    for change in changes:
        unchanged += not change.is_one
        if change.is_one or unchanged <= _UNCHANGED_SHOWN:
            shown.append(change)
    has_old = any(change.old is not None for change in changes)
    rows = [["student", *(["old"] if has_old else []), "new", "matched by"]]
    rows += [_cells(change, has_old=has_old) for change in shown]
    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    if hidden := unchanged - _UNCHANGED_SHOWN:
        lines += [f"… and {hidden} more without a change"] if hidden > 0 else []
    changed = sum(change.is_one for change in changes)
    return [*(f"  {each}".rstrip() for each in lines), f"  {changed} of {len(changes)} rows change"]


def _cells(change: Change, *, has_old: bool) -> list[str]:
    old = [line(change.old or "") or _NOTHING] if has_old else []
    return [line(change.student), *old, line(change.new) or _NOTHING, line(change.by)]
