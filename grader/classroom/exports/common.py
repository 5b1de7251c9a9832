"""Common parts of the export formats: points to export, feedback, CSV safe to open in spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.classroom.exports.changes import Change
from grader.classroom.exports.matching import Match
from grader.classroom.marks import FinalMark
from grader.classroom.storage.gradebook import GradebookEntry
from grader.model import CriterionResult, Grade, Verdict, for_students
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
        confirm_names: whether students matched by name only are included.
        scale: whether to scale marks that are of other points than ``possible`` or the other system's.
        editions: folder of the students' editions of the reports, for formats that hold them.
        outdated: keys of the students whose reports do not agree with the gradebook.
    """

    entries: Sequence[GradebookEntry]
    title: str
    possible: float
    exercises: Mapping[int, str]
    due: str = ""
    theirs: Path | None = None
    assignment: str | None = None
    with_provisional: bool = False
    confirm_names: bool = False
    scale: bool = False
    editions: Path | None = None
    outdated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The exported file, or files by name for a folder; changes and warnings for the person who exports."""

    data: bytes = b""
    files: Mapping[str, bytes] | None = None
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


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
        f"{'not graded yet:' if result.verdict is Verdict.OPEN else f'-{points(lost_points(result))}'} "
        f"{line(result.title)}: {line(result.message)}"
        for result in final_criteria(grade, mark)
        if lost_points(result)
    ]
    return lines


def final_criteria(grade: Grade, mark: FinalMark) -> list[CriterionResult]:
    """Return the results of all criteria with their final points."""
    return [replace(result, earned=mark.criteria.get(result.id, result.earned)) for result in grade.criteria]


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


class NameMatches:
    """Holds back the marks of students whom only a name connects with their row, until that is confirmed."""

    def __init__(self, request: ExportRequest) -> None:
        self._request = request
        self._waiting: list[str] = []

    def allow(self, entry: GradebookEntry, match: Match, name: str) -> bool:
        """Return whether a student's mark may be written; ``name`` is the row's in the other system."""
        if match.is_certain or self._request.confirm_names:
            return True
        mark = entry.mark.final
        amount = "no mark" if mark is None else points(mark)
        self._waiting.append(f"{line(name)} = {entry.person.key} ({amount})")
        return False

    @property
    def warnings(self) -> list[str]:
        """A warning that lists the students held back, if there are any."""
        if not self._waiting:
            return []
        return [
            f"matched by name only, and left out: {'; '.join(self._waiting)}; compare them, and repeat with "
            "--confirm-names if they are right"
        ]


def mismatches(request: ExportRequest, matched: Collection[str], table: str) -> list[str]:
    """Return a warning that names the graded students who have no row in the other system's table."""
    missing = [e.person.key for e in request.entries if e.person.key not in matched and e.grade]
    return [f"graded, but not in {table}: {', '.join(missing)}"] if missing else []
