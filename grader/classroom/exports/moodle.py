"""Moodle: the downloaded grading worksheet with grades and feedback filled in."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence

from grader.classroom.exports.common import (
    Export,
    ExportRequest,
    PersonLookup,
    exported_points,
    feedback,
    format_number,
    provisional_warnings,
)
from grader.classroom.gradebook import GradebookEntry
from grader.classroom.tables import read_table
from grader.errors import UsageError

_NEEDED = ("Identifier", "Grade", "Last modified (grade)")
_BOM = "\ufeff"


def export(request: ExportRequest) -> Export:
    """Return the worksheet, unchanged except for the columns Grade and Feedback comments.

    Raises:
        UsageError: no worksheet is given, or the file is not one.
    """
    if request.theirs is None:
        raise UsageError(
            "Moodle imports only its own worksheet: download it (Submissions, Download grading worksheet) "
            "and pass it with --theirs"
        )
    table = read_table(request.theirs)
    separator, header = table.delimiter, table.header
    rows = [dict(zip(header, row, strict=True)) for row in table.rows]
    if missing := [name for name in _NEEDED if name not in header]:
        raise UsageError(
            f"{request.theirs} is not a grading worksheet in English: it has no column {', '.join(missing)}"
        )
    sheet = _Sheet(
        maxima=[name for name in header if name.casefold() == "maximum grade"],
        comments="Feedback comments" in header,
        rows=rows,
        request=request,
    )
    finder, known = PersonLookup(request.entries), set()
    for row in rows:
        if entry := finder.find(_ids(row), row.get("Full name") or ""):
            known.add(entry.person.key)
            sheet.fill(row, entry)
        else:
            name = row.get("Full name") or row["Identifier"]
            sheet.warnings.append(f"{name}: in the worksheet, but not graded here")
    missing = [e.person.key for e in request.entries if e.grade and e.person.key not in known]
    sheet.warnings += [f"graded, but not in the worksheet: {', '.join(missing)}"] if missing else []
    return Export(
        data=_written(header, rows, separator), warnings=(*provisional_warnings(request), *sheet.warnings)
    )


class _Sheet:
    """Fills the rows of a worksheet, and collects warnings.

    Maxima such as "100,00" show that the course uses a decimal comma, and grades are written alike.
    """

    def __init__(
        self,
        *,
        maxima: Sequence[str],
        comments: bool,
        rows: Sequence[Mapping[str, str]],
        request: ExportRequest,
    ) -> None:
        self._maxima, self._comments, self._request = maxima, comments, request
        self._comma = any(re.fullmatch(r"\d+,\d+", row.get(name) or "") for row in rows for name in maxima)
        self.warnings: list[str] = []

    def fill(self, row: dict[str, str], entry: GradebookEntry) -> None:
        """Fill in a student's grade and feedback, unless Moodle would reject them."""
        points = exported_points(entry, self._request)
        if points is None:
            return
        key = entry.person.key
        maximum = _number(next((row[name] for name in self._maxima), "")) or self._request.possible
        if row.get("Grade can be changed") == "No":
            self.warnings.append(f"{key}: Moodle does not allow this grade to be changed")
        elif points > maximum:
            self.warnings.append(f"{key}: {points:g} is more than Moodle's maximum of {maximum:g}")
        else:
            row["Grade"] = format_number(points).replace(".", "," if self._comma else ".")
            if self._comments:
                # Moodle shows feedback as HTML, and messages may quote a student's code.
                lines = (html.escape(each, quote=False) for each in feedback(entry))
                row["Feedback comments"] = "<br>".join(lines)


def _ids(row: Mapping[str, str]) -> dict[str, str]:
    return {
        "moodle": row["Identifier"].removeprefix("Participant").strip(),
        "email": row.get("Email address") or "",
        "sis": row.get("ID number") or "",
        "login": row.get("Username") or "",
    }


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _written(header: Sequence[str], rows: Sequence[Mapping[str, str]], separator: str) -> bytes:
    """Return CSV as Moodle writes it: with a byte-order mark and CR LF line ends."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return (_BOM + text.getvalue()).encode("utf-8", "replace")
