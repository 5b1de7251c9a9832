"""Table of students by criteria on the class page, and the CSS classes that its filter selects rows by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.model import CriterionResult
from grader.report.summary import Status, status_of

# A symbol for each status, so that no status is shown by colour alone.
SYMBOLS: Mapping[Status, str] = {
    Status.EARNED: "✓",
    Status.PARTIAL: "◐",
    Status.LOST: "✗",
    Status.BLOCKED: "∅",
    Status.ERROR: "!",
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
        rows: by the student's key, a status for each column; None if the criterion was not graded.
    """

    columns: tuple[Column, ...]
    rows: Mapping[str, tuple[Status | None, ...]]

    def css_classes(self, key: str) -> str:
        """Return the CSS classes of the criteria on which a student lost points."""
        cells = zip(self.columns, self.rows.get(key, ()), strict=False)
        return " ".join(column.css_class for column, cell in cells if cell in _LOST)


def heat_map(results: Mapping[str, Sequence[CriterionResult]]) -> HeatMap:
    """Build the table of a class from its results, by the student's key."""
    titles = {result.id: result.title for row in results.values() for result in row}
    statuses = {key: {result.id: status_of(result) for result in row} for key, row in results.items()}
    rows = {key: tuple(row.get(id) for id in titles) for key, row in statuses.items()}
    columns = tuple(
        Column(
            css_class=f"c{number}",
            id=id,
            title=title,
            lost=sum(row[number] in _LOST for row in rows.values()),
        )
        for number, (id, title) in enumerate(titles.items())
    )
    return HeatMap(columns=columns, rows=rows)
