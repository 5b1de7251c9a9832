"""Canvas: a gradebook CSV with one column, for this homework."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.classroom.exports.changes import Change
from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    NameMatches,
    csv_bytes,
    format_number,
    mismatches,
    provisional_warnings,
)
from grader.classroom.exports.matching import TheirRow, match_rows, own_matches, their_row
from grader.classroom.exports.scaling import Scale, require_whole_marks
from grader.classroom.people.students import normalize_name
from grader.classroom.rosters.tables import Table, number, read_table, written
from grader.classroom.storage.gradebook import GradebookEntry
from grader.errors import UsageError

# Canvas ignores columns with such names when it imports: they hold totals that it computes itself.
_RESERVED = re.compile(r"\b(current|final|override)\s+(score|points|grade)\b", re.IGNORECASE)
_IDS = {"ID": "canvas", "SIS User ID": "sis", "SIS Login ID": "login"}
_ABOUT_STUDENTS = ("Section", *_IDS, "Integration ID", "Root Account")
_TEST_STUDENTS = ("studenttest", "teststudent")  # Canvas puts one into every course
_EXCUSED = "EX"


def export(request: ExportRequest) -> Export:
    """Return the downloaded gradebook with only this homework's column filled in; else a new table.

    Raises:
        UsageError: the downloaded file is not a gradebook, or has no such column, or Canvas would ignore
            the column's name; or it cannot be known whose a row is, or of how many points a mark is.
    """
    require_whole_marks(request)
    return _filled_in(request) if request.theirs else _new_table(request)


def _new_table(request: ExportRequest) -> Export:
    title = request.assignment or request.title
    _check_title(title)
    rows: list[list[str]] = [
        ["Student", *_IDS, "Section", title],
        ["    Points Possible", "", "", "", "", format_number(request.possible)],
    ]
    scale, names, changes = Scale(request), NameMatches(request), list[Change]()
    matches = own_matches(request.entries, _IDS.values())
    for entry, match in zip(request.entries, matches, strict=True):
        cell = _cell(entry, scale) if names.allow(entry, match, entry.person.name) else ""
        ids = entry.person.ids
        known = [ids.get(kind, "") for kind in _IDS.values()]
        rows.append([entry.person.name, *known, ids.get("section", ""), cell])
        changes.append(Change(student=entry.person.name, old=None, new=cell, by=match.by))
    warnings = [*provisional_warnings(request), *names.warnings, *scale.warnings]
    if not re.search(r"\(\d+\)$", title):
        warnings.append(
            f"Canvas would create a new assignment {title!r}, since a title without its id matches none; "
            "to fill in an existing one, download the gradebook and pass it with --theirs"
        )
    data = csv_bytes(rows, escape_formulas=False)
    return Export(data=data, warnings=tuple(warnings), changes=tuple(changes))


def _filled_in(request: ExportRequest) -> Export:
    assert request.theirs is not None
    table = read_table(request.theirs)
    sheet = _Gradebook(table)
    column = _column(sheet, request)
    places = [at for at, row in enumerate(table.rows) if sheet.is_student(row)]
    matches = match_rows([sheet.their_row(table.rows[at]) for at in places], request.entries)
    maximum = sheet.maximum(column)
    scale, names, changes = Scale(request), NameMatches(request), list[Change]()
    matched: set[str] = set()
    unknown: list[str] = []
    cells = [row[column] for row in table.rows]
    for at, match in zip(places, matches, strict=True):
        name, old = sheet.name(table.rows[at]), cells[at]
        if match.entry is None:
            unknown += [f"{name} ({match.why_not})" if match.why_not else name]
            continue
        matched.add(match.entry.person.key)
        cell = _cell(match.entry, scale, maximum) if names.allow(match.entry, match, name) else ""
        cells[at] = cell or old  # without a mark of ours, Canvas's stays
        changes.append(Change(student=name, old=old, new=cells[at], by=match.by))
    kept = range(sheet.last + 1)
    filled = [[*(table.header[at] for at in kept), table.header[column]]]
    filled += [[*(row[at] for at in kept), cell] for row, cell in zip(table.rows, cells, strict=True)]
    warnings = [
        *provisional_warnings(request),
        *names.warnings,
        *scale.warnings,
        *_maximum_warnings(request, maximum),
        *mismatches(request, matched, str(request.theirs)),
        *([f"in {request.theirs}, but not graded here: {'; '.join(unknown)}"] if unknown else []),
    ]
    if table.delimiter not in ",;":
        warnings.append(f"{request.theirs} has tabs or bars between its cells; Canvas reads commas only")
    text = written(filled, delimiter=table.delimiter)
    return Export(data=text.encode("utf-8", "replace"), warnings=tuple(warnings), changes=tuple(changes))


class _Gradebook:
    """A downloaded gradebook.

    Attributes:
        last: index of the last column that says who a student is; the others are assignments and totals.
    """

    def __init__(self, table: Table) -> None:
        header = [cell.strip() for cell in table.header]
        has_names = header[:1] == ["Student"] or header[:2] == ["LastName", "FirstName"]
        if not has_names or "ID" not in header:
            raise UsageError(
                f"{table.path} is not a Canvas gradebook: its first columns are not Student and ID; its "
                f"columns are {table.columns}; download it in Canvas (Grades, Export) and pass it as it is"
            )
        self.table = table
        self.last = max(at for at, cell in enumerate(header) if cell in _ABOUT_STUDENTS)

    def name(self, row: Sequence[str]) -> str:
        is_split = self.table.header[0].strip() == "LastName"
        return ", ".join(filter(None, map(str.strip, row[:2]))) if is_split else row[0].strip()

    def is_student(self, row: Sequence[str]) -> bool:
        """Return whether a row is a student's: not of maximum points, muted columns or the test student."""
        name = self.name(row)
        return (
            bool(name)
            and not name.startswith("Points Possible")
            and normalize_name(name) not in _TEST_STUDENTS
        )

    def their_row(self, row: Sequence[str]) -> TheirRow:
        header = [cell.strip() for cell in self.table.header[: self.last + 1]]
        values = {kind: row[header.index(name)] for name, kind in _IDS.items() if name in header}
        return their_row(self.name(row), values)

    def maximum(self, column: int) -> float | None:
        rows = [row for row in self.table.rows if row[0].strip().startswith("Points Possible")]
        return number(rows[0][column]) if rows else None


def _cell(entry: GradebookEntry, scale: Scale, maximum: float | None = None) -> str:
    if entry.mark.is_excused:
        return _EXCUSED
    points = scale.points(entry, maximum)
    return "" if points is None else format_number(points)


def _column(sheet: _Gradebook, request: ExportRequest) -> int:
    """Return the index of this homework's column, by title, by id in parentheses, or by both."""
    header = [" ".join(cell.split()) for cell in sheet.table.header]
    wanted = " ".join((request.assignment or request.title).split())
    _check_title(wanted)
    places = range(sheet.last + 1, len(header))
    exact = [at for at in places if header[at] == wanted or header[at].endswith(f"({wanted})")]
    titled = [at for at in places if re.sub(r" \(\d+\)$", "", header[at]) == wanted]
    if len(found := exact or titled) != 1:
        available = ", ".join(repr(header[at]) for at in places if re.search(r"\(\d+\)$", header[at]))
        raise UsageError(
            f"{request.theirs} has no column {wanted!r}, or several; choose with --assignment: {available}"
        )
    if any("(read only)" in row[found[0]] for row in sheet.table.rows):
        raise UsageError(f"the column {header[found[0]]!r} of {request.theirs} is read only in Canvas")
    return found[0]


def _check_title(title: str) -> None:
    if _RESERVED.search(title):
        raise UsageError(f"Canvas ignores columns named like {title!r}; choose another --assignment")


def _maximum_warnings(request: ExportRequest, maximum: float | None) -> list[str]:
    if request.scale or maximum is None or abs(maximum - request.possible) < 0.005:
        return []
    return [
        f"in Canvas the assignment has {format_number(maximum)} points, the homework has "
        f"{format_number(request.possible)}: points are sent as they are; --scale would scale them"
    ]
