"""Common parts of the export formats: points to export, feedback, CSV safe to open in spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.classroom.gradebook import GradebookEntry
from grader.classroom.roster import name_orders, normalize_id
from grader.model import for_students
from grader.report.summary import lost_points, points, score
from grader.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """A class to export, and the options for it.

    Attributes:
        entries: the class, sorted by name.
        title, possible: name and maximum points of the homework.
        due: the due date as text; "" if there is none.
        theirs: file downloaded from the other system, for formats that fill one in.
        assignment: name or id of the homework in the other system.
        with_provisional: whether to include provisional grades.
    """

    entries: Sequence[GradebookEntry]
    title: str
    possible: float
    exercises: Mapping[int, str]
    due: str = ""
    theirs: Path | None = None
    assignment: str | None = None
    with_provisional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The exported file, or several by name, and warnings for the TA."""

    data: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def exported_points(entry: GradebookEntry, request: ExportRequest) -> float | None:
    """Return the points to export; None for an excused, ungraded or withheld provisional student."""
    if entry.grade and entry.grade.provisional and not request.with_provisional:
        return None
    return entry.mark.final


def provisional_warnings(request: ExportRequest) -> list[str]:
    """Return a warning that names the students whose provisional grades are withheld, if there are any."""
    withheld = [
        entry.person.key
        for entry in request.entries
        if entry.grade and entry.grade.provisional and not request.with_provisional
    ]
    if not withheld:
        return []
    return [
        f"provisional grades were left out: {', '.join(withheld)}; review them, or include them with "
        "--with-provisional"
    ]


def feedback(entry: GradebookEntry) -> list[str]:
    """Return what the student may read, in lines: the points, adjustments, and each lost point's reason."""
    if entry.grade is None:
        return []
    grade, mark = for_students(entry.grade), entry.mark
    total = "excused" if mark.final is None else score(mark.final, mark.possible)
    lines = [f"Points: {total}"]
    for each in mark.lines:
        amount = "" if each.points is None else f"{each.points:+g} "
        lines.append(amount + line(each.sentence))
    lines += [
        f"-{points(lost_points(result))} {line(result.title)}: {line(result.message)}"
        for result in grade.criteria
        if lost_points(result)
    ]
    return lines


def csv_bytes(rows: Iterable[Sequence[object]], *, escape_formulas: bool) -> bytes:
    """Return rows as CSV in UTF-8; for spreadsheets, with text that looks like a formula escaped."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([escape_formula(cell) if escape_formulas else cell for cell in row])
    return text.getvalue().encode("utf-8", "replace")


def escape_formula(cell: object) -> object:
    """Return text that a spreadsheet would run as a formula with an apostrophe before it.

    Students choose their names, and ``=HYPERLINK(...)`` runs on the computer of whoever opens the table.
    """
    if isinstance(cell, str) and cell.lstrip()[:1] in ("=", "+", "-", "@") and not _is_number(cell):
        return f"'{cell}"
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("\t", "\r") else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def format_number(value: float) -> str:
    """Return a number as every importer reads it: decimal point, at most two decimals, no exponent."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


class PersonLookup:
    """Finds students by the identifiers, or else the name, in a row of another system's file.

    As in ``roster``, a name only counts if exactly one student has it.
    """

    def __init__(self, entries: Sequence[GradebookEntry]) -> None:
        self._by_id: dict[tuple[str, str], GradebookEntry] = {}
        names: dict[str, list[GradebookEntry]] = {}
        for entry in entries:
            for kind, value in entry.person.ids.items():
                self._by_id[kind, normalize_id(value)] = entry
            for name in name_orders(entry.person.name):
                names.setdefault(name, []).append(entry)
        self._by_name = {name: found[0] for name, found in names.items() if len(found) == 1}

    def find(self, ids: Mapping[str, str], name: str) -> GradebookEntry | None:
        """Return the student with one of these identifiers, else the only one with this name, else None."""
        for kind, value in ids.items():
            if value and (found := self._by_id.get((kind, normalize_id(value)))):
                return found
        return next((self._by_name[each] for each in name_orders(name) if each in self._by_name), None)
