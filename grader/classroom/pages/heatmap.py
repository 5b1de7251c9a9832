"""Table of students by criteria on the class page, and the CSS classes that its filter selects rows by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.report.cards import anchor_of
from grader.report.summary import Status

# A symbol for each status, so that no status is shown by colour alone.
SYMBOLS: Mapping[Status, str] = {
    Status.EARNED: "✓",
    Status.PARTIAL: "◐",
    Status.LOST: "✗",
    Status.BLOCKED: "∅",
    Status.ERROR: "!",
    Status.OPEN: "…",
}
_LOST = (Status.LOST, Status.PARTIAL, Status.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A criterion.

    Attributes:
        css_class: marks the rows of students who lost points here.
        lost: number of those students.
    """

    css_class: str
    id: str
    title: str
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Statuses by student and criterion.

    Attributes:
        anchors: of each column's criterion in a report.
        rows: by the student's key, a status for each column; None if the criterion was not graded.
    """

    columns: tuple[Column, ...]
    anchors: tuple[str, ...]
    rows: Mapping[str, tuple[Status | None, ...]]

    def css_classes(self, key: str) -> str:
        """Return the CSS classes of the criteria on which a student lost points."""
        cells = zip(self.columns, self.rows.get(key, ()), strict=False)
        return " ".join(column.css_class for column, cell in cells if cell in _LOST)


def heat_map(statuses: Mapping[str, Mapping[str, Status]], titles: Mapping[str, str]) -> HeatMap:
    """Build the table of a class.

    Args:
        statuses: by the student's key and the criterion's id.
        titles: of the criteria, by id, in the rubric's order.
    """
    found = {id for row in statuses.values() for id in row}
    shown = {id: title for id, title in titles.items() if id in found}
    rows = {key: tuple(row.get(id) for id in shown) for key, row in statuses.items()}
    columns = tuple(
        Column(
            css_class=f"c{number}",
            id=id,
            title=title,
            lost=sum(row[number] in _LOST for row in rows.values()),
        )
        for number, (id, title) in enumerate(shown.items())
    )
    anchors = tuple(anchor_of(number, id) for number, id in enumerate(shown, start=1))
    return HeatMap(columns=columns, anchors=anchors, rows=rows)
