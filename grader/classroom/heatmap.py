"""Students by criteria: who lost what, on one sheet, and the classes by which rows are filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.model import CriterionResult
from grader.report.summary import Status, status_of

# A sign for each standing, so that colour is never the only one.
SIGNS: Mapping[Status, str] = {
    Status.EARNED: "✓",
    Status.PARTIAL: "◐",
    Status.LOST: "✗",
    Status.BLOCKED: "∅",
    Status.ERROR: "!",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One criterion; ``code`` is the class of the rows of those who lost points there."""

    code: str
    id: str
    title: str
    lost: int  # students who lost points


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Criteria as columns, and for each student, by key, a standing for each of them; None: not asked."""

    columns: tuple[Column, ...]
    rows: Mapping[str, tuple[Status | None, ...]]

    def classes(self, key: str) -> str:
        """The codes of the criteria at which a student lost points."""
        cells = zip(self.columns, self.rows.get(key, ()), strict=False)
        return " ".join(column.code for column, cell in cells if cell in _LOST)


_LOST = (Status.LOST, Status.PARTIAL, Status.BLOCKED)


def heat_map(results: Mapping[str, Sequence[CriterionResult]]) -> HeatMap:
    """The sheet of a class.

    Args:
        results: by the student's key.
    """
    titles = {result.id: result.title for row in results.values() for result in row}
    found = {key: {result.id: status_of(result) for result in row} for key, row in results.items()}
    rows = {key: tuple(row.get(id) for id in titles) for key, row in found.items()}
    columns = tuple(
        Column(
            code=f"c{number}",
            id=id,
            title=title,
            lost=sum(row[number] in _LOST for row in rows.values()),
        )
        for number, (id, title) in enumerate(titles.items())
    )
    return HeatMap(columns=columns, rows=rows)
