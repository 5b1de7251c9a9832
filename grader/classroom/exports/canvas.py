"""Canvas: a gradebook CSV with one column, for this homework."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    PersonLookup,
    csv_bytes,
    exported_points,
    format_number,
    provisional_warnings,
)
from grader.classroom.gradebook import GradebookEntry
from grader.classroom.tables import read_table
from grader.errors import UsageError

# Canvas ignores columns with such names when it imports: they hold totals that it computes itself.
_RESERVED = re.compile(r"\b(current|final|unposted|override)\b.*\b(score|points|grade)\b", re.IGNORECASE)
_IDS = {"ID": "canvas", "SIS User ID": "sis", "SIS Login ID": "login"}


def export(request: ExportRequest) -> Export:
    """Return the downloaded gradebook with only this homework's column filled in; else a new table.

    Raises:
        UsageError: the downloaded file is not a gradebook, or has no such column, or Canvas would ignore
            the column's name.
    """
    return _filled_in(request) if request.theirs else _new_table(request)


def _new_table(request: ExportRequest) -> Export:
    title = request.assignment or request.title
    _check_title(title)
    rows: list[list[str]] = [
        ["Student", *_IDS, "Section", title],
        ["    Points Possible", "", "", "", "", format_number(request.possible)],
    ]
    for entry in request.entries:
        ids = entry.person.ids
        known = [ids.get(kind, "") for kind in _IDS.values()]
        rows.append([entry.person.name, *known, ids.get("section", ""), _cell(entry, request)])
    warnings = provisional_warnings(request)
    if not re.search(r"\(\d+\)$", title):
        warnings.append(
            f"Canvas would create a new assignment {title!r}, since a title without its id matches none; "
            "to fill in an existing one, download the gradebook and pass it with --theirs"
        )
    return Export(data=csv_bytes(rows, escape_formulas=False), warnings=tuple(warnings))


def _filled_in(request: ExportRequest) -> Export:
    assert request.theirs is not None
    table = read_table(request.theirs)
    separator = table.delimiter
    header = list(table.header)
    if not header or "Student" not in header[0] or not any("ID" in cell for cell in header):
        raise UsageError(f"{request.theirs} is not a Canvas gradebook: it has no columns Student and ID")
    # Columns up to the last of these identify the student; all others are assignments and totals.
    last = max(at for at, cell in enumerate(header) if cell in ("Section", *_IDS, "Root Account"))
    column = _column(header, last, request)
    finder = PersonLookup(request.entries)
    matched: set[str] = set()
    unknown: list[str] = []
    filled = [[*header[: last + 1], header[column]]]
    for row in table.rows:
        cell = row[column]
        if _is_student(row):
            ids = {kind: row[header.index(name)] for name, kind in _IDS.items() if name in header}
            if entry := finder.find(ids, row[0]):
                matched.add(entry.person.key)
                cell = _cell(entry, request)
            elif row[0] != "Student, Test":  # Canvas's test student, in every course
                unknown.append(row[0])
        filled.append([*row[: last + 1], cell])
    output = io.StringIO()
    csv.writer(output, delimiter=separator, lineterminator="\n").writerows(filled)
    warnings = [*provisional_warnings(request), *_mismatches(request, matched, unknown)]
    return Export(data=output.getvalue().encode("utf-8", "replace"), warnings=tuple(warnings))


def _is_student(row: Sequence[str]) -> bool:
    """Return whether a row is a student's, not one below the header (maximum points, muted columns)."""
    first = row[0].strip()
    rest = {cell.strip() for cell in row[1:]}
    return bool(first) and not first.startswith("Points Possible") and not rest <= {"", "Muted"}


def _cell(entry: GradebookEntry, request: ExportRequest) -> str:
    if entry.mark.is_excused:
        return "EX"
    points = exported_points(entry, request)
    return "" if points is None else format_number(points)


def _column(header: Sequence[str], last: int, request: ExportRequest) -> int:
    """Return the index of this homework's column, by title, by id in parentheses, or by both."""
    wanted = request.assignment or request.title
    _check_title(wanted)
    places = range(last + 1, len(header))
    exact = [at for at in places if header[at] == wanted or header[at].endswith(f"({wanted})")]
    titled = [at for at in places if re.sub(r" \(\d+\)$", "", header[at]) == wanted]
    if len(found := exact or titled) != 1:
        available = ", ".join(repr(header[at]) for at in places if re.search(r"\(\d+\)$", header[at]))
        raise UsageError(
            f"{request.theirs} has no column {wanted!r}, or several; choose with --assignment: {available}"
        )
    return found[0]


def _check_title(title: str) -> None:
    if _RESERVED.search(title):
        raise UsageError(f"Canvas ignores columns named like {title!r}; choose another --assignment")


def _mismatches(request: ExportRequest, matched: set[str], unknown: Sequence[str]) -> list[str]:
    """Return warnings about students who are only here or only in the downloaded file."""
    missing = [e.person.key for e in request.entries if e.person.key not in matched and e.grade]
    warnings = [f"graded, but not in {request.theirs}: {', '.join(missing)}"] if missing else []
    return warnings + ([f"in {request.theirs}, but not graded here: {'; '.join(unknown)}"] if unknown else [])
