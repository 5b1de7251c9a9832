"""Moodle: the downloaded grading worksheet with grades and feedback filled in."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

from grader.classroom.exports.changes import Change
from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    NameMatches,
    feedback,
    format_number,
    mismatches,
    provisional_warnings,
)
from grader.classroom.exports.matching import TheirRow, match_rows, their_row
from grader.classroom.exports.scaling import Scale, require_whole_marks
from grader.classroom.rosters.roster_columns import COLUMNS, MOODLE_GRADED, normalized
from grader.classroom.rosters.tables import Table, number, read_table, written
from grader.classroom.storage.gradebook import GradebookEntry
from grader.errors import UsageError

_BOM = "\ufeff"
_HEADERS: Mapping[str, tuple[str, ...]] = {  # in lower case; Moodle takes them in the site's language only
    "Identifier": ("identifier", "id", "identifiant", "identificador", "identificativo"),
    "Grade": ("grade", "bewertung", "note", "calificación", "nota", "valutazione"),
    "Last modified (grade)": MOODLE_GRADED,
    "maximum": ("maximum grade", "bestwertung", "note maximale", "calificación máxima", "nota máxima"),
    "editable": (
        *("grade can be changed", "bewertung kann geändert werden", "la note peut être modifiée"),
        *("la calificación puede ser cambiada", "nota pode ser alterada"),
    ),
    "feedback": (
        *("feedback comments", "feedback als kommentar", "feedback par commentaires"),
        *("comentarios de retroalimentación", "comentários de feedback"),
    ),
    "name": COLUMNS["name"],
    "email": COLUMNS["email"],
    "sis": COLUMNS["sis"],
    "login": COLUMNS["login"],
}
_NEEDED = ("Identifier", "Grade", "Last modified (grade)")
_NO = ("no", "nein", "non", "não")


def export(request: ExportRequest) -> Export:
    """Return the worksheet, unchanged except for the columns Grade and Feedback comments.

    Raises:
        UsageError: no worksheet is given, or the file is not one; or it cannot be known whose a row is, or of
            how many points a mark is.
    """
    if request.theirs is None:
        raise UsageError(
            "Moodle imports only its own worksheet: download it (Submissions, Download grading worksheet) "
            "and pass it with --theirs"
        )
    require_whole_marks(request)
    sheet = _Worksheet(read_table(request.theirs), request)
    matches = match_rows([sheet.their_row(row) for row in sheet.rows], request.entries)
    names, changes, matched, unknown = NameMatches(request), list[Change](), set[str](), list[str]()
    for row, match in zip(sheet.rows, matches, strict=True):
        name = sheet.name(row)
        if match.entry is None:
            why = f" ({match.why_not})" if match.why_not else ""
            unknown.append(f"{name}: in the worksheet, but not graded here{why}")
            continue
        matched.add(match.entry.person.key)
        old = sheet.cell(row, "Grade")
        if names.allow(match.entry, match, name):
            sheet.fill(row, match.entry)
        changes.append(Change(student=name, old=old, new=sheet.cell(row, "Grade"), by=match.by))
    warnings = [
        *provisional_warnings(request),
        *names.warnings,
        *sheet.warnings,
        *unknown,
        *mismatches(request, matched, "the worksheet"),
    ]
    return Export(data=sheet.as_bytes(), warnings=tuple(warnings), changes=tuple(changes))


class _Worksheet:
    """A downloaded worksheet whose rows are filled in, with warnings about what Moodle would reject.

    Maxima such as "100,00" show that the course uses a decimal comma, and grades are written alike.
    """

    def __init__(self, table: Table, request: ExportRequest) -> None:
        header = [normalized(cell) for cell in table.header]
        self._columns = {
            kind: next(at for alias in aliases for at, cell in enumerate(header) if cell == alias)
            for kind, aliases in _HEADERS.items()
            if set(aliases) & set(header)
        }
        if not set(_NEEDED) <= set(self._columns):
            missing = [name for name in _NEEDED if normalized(name) not in header]
            raise UsageError(
                f"{table.path} is not a grading worksheet: it has no column {', '.join(missing)}; its "
                f"columns are {table.columns}. In another language than English, German, French, Spanish or "
                "Portuguese, switch Moodle to English before you download it"
            )
        self.rows = [list(row) for row in table.rows]
        self._table, self._scale, self._rejected = table, Scale(request), list[str]()
        maxima = [self.cell(row, "maximum") for row in self.rows]
        self._comma = any(re.fullmatch(r"\d+,\d+", each.strip()) for each in maxima)
        self._whole = request.possible

    def cell(self, row: Sequence[str], kind: str) -> str:
        """Return a row's cell, or "" if the worksheet has no such column."""
        return row[self._columns[kind]] if kind in self._columns else ""

    def name(self, row: Sequence[str]) -> str:
        """Return what a message calls a row; under blind marking it has no name."""
        return self.cell(row, "name").strip() or self.cell(row, "Identifier").strip()

    def their_row(self, row: Sequence[str]) -> TheirRow:
        """Return whom a row is about."""
        participant = re.search(r"\d+$", self.cell(row, "Identifier").strip())
        values = {kind: self.cell(row, kind) for kind in ("email", "sis", "login")}
        moodle = {"moodle": participant[0]} if participant else {}
        return their_row(self.cell(row, "name"), moodle | values)

    def fill(self, row: list[str], entry: GradebookEntry) -> None:
        """Fill in a student's grade and feedback, unless Moodle would reject them."""
        maximum = number(self.cell(row, "maximum")) or self._whole
        points = self._scale.points(entry, maximum)
        if points is None:
            return
        key = entry.person.key
        if self.cell(row, "editable").strip().casefold() in _NO:
            self._rejected.append(f"{key}: Moodle does not allow this grade to be changed")
        elif points > maximum:
            self._rejected.append(f"{key}: {points:g} is more than Moodle's maximum of {maximum:g}")
        else:
            grade = format_number(points).replace(".", "," if self._comma else ".")
            row[self._columns["Grade"]] = grade
            if "feedback" in self._columns:
                # Moodle shows feedback as HTML, and messages may quote a student's code.
                lines = (html.escape(each, quote=False) for each in feedback(entry))
                row[self._columns["feedback"]] = "<br>".join(lines)

    @property
    def warnings(self) -> list[str]:
        """Warnings about scaled and rejected marks, and about a different maximum in Moodle."""
        maxima = {number(self.cell(row, "maximum")) for row in self.rows} - {None, self._whole}
        differing = [
            f"in Moodle the assignment has {format_number(maximum)} points, the homework has "
            f"{format_number(self._whole)}: points are sent as they are; --scale would scale them"
            for maximum in maxima
            if maximum is not None and not self._scale.is_on
        ]
        return [*self._scale.warnings, *differing, *self._rejected]

    def as_bytes(self) -> bytes:
        """Return CSV as Moodle writes it: with a byte-order mark and CR LF line ends."""
        rows = [self._table.header, *self.rows]
        text = written(rows, delimiter=self._table.delimiter, line_end="\r\n")
        return (_BOM + text).encode("utf-8", "replace")
