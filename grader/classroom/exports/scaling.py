"""Marks that are not of the homework's whole: refused, or scaled when asked to.

With ``--quick`` or ``--only`` some criteria are left out, so that full points are fewer than the homework's.
Another system would take them for points of its own maximum.
"""

from __future__ import annotations

from collections import Counter

from grader.classroom.exports.common import ExportRequest, exported_points
from grader.classroom.exports.matching import named
from grader.classroom.storage.gradebook import GradebookEntry
from grader.errors import UsageError
from grader.report.summary import count_points, points


def require_whole_marks(request: ExportRequest) -> None:
    """Check that every exported mark is of the homework's whole, unless marks are to be scaled.

    Raises:
        UsageError: some are not, or it is not known what the whole is.
    """
    if request.scale or not (partial := partial_entries(request)):
        return
    first = partial[0]
    whole = count_points(request.possible) if request.possible else "points, which the gradebook does not say"
    raise UsageError(
        f"{len(partial)} of {len(request.entries)} grades are not of the homework's "
        f"{whole}, as with --quick or --only: {named(first)} has "
        f"{points(first.mark.final or 0.0)} of {points(first.mark.possible)}. Nothing was written: grade all "
        f"criteria, or repeat with --scale, which scales each of them"
    )


def partial_entries(request: ExportRequest) -> list[GradebookEntry]:
    """Return the students whose exported mark is of other points than the homework's whole."""
    return [
        entry
        for entry in request.entries
        if entry.grade
        and exported_points(entry, request) is not None
        and abs(entry.mark.possible - request.possible) > 0.005
    ]


def partial_warnings(request: ExportRequest) -> list[str]:
    """Return a warning about marks of other points than the homework's, for tables that say of how many."""
    partial = [] if request.scale else partial_entries(request)
    if not partial:
        return []
    keys = ", ".join(f"{entry.person.key} ({points(entry.mark.possible)})" for entry in partial)
    return [f"grades that are not of the homework's {count_points(request.possible)}: {keys}"]


class Scale:
    """Scales marks to a maximum if the request says so, and counts what was scaled."""

    def __init__(self, request: ExportRequest) -> None:
        self._request = request
        self._scaled: Counter[tuple[float, float]] = Counter()
        self.is_on = request.scale

    def points(self, entry: GradebookEntry, maximum: float | None = None) -> float | None:
        """Return a student's points, of ``maximum`` (default: the homework's) where they are scaled."""
        mark = exported_points(entry, self._request)
        possible = entry.mark.possible or self._request.possible
        maximum = maximum or self._request.possible
        if mark is None or not self.is_on or not possible or possible == maximum:
            return mark
        self._scaled[possible, maximum] += 1
        return round(mark * maximum / possible, 2)

    @property
    def warnings(self) -> list[str]:
        """Sentences about scaled marks, for the person who exports."""
        return [
            f"scaled from {points(possible)} to {points(maximum)} points: {count} "
            f"{'student' if count == 1 else 'students'}"
            for (possible, maximum), count in self._scaled.items()
        ]
