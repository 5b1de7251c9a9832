"""Moodle: the grading worksheet that the TA downloaded, with grades and comments filled in."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence

from grader.classroom.exports.common import Export, PersonLookup, Request, counts, decimal, feedback, left_out
from grader.classroom.gradebook import GradebookEntry
from grader.classroom.roster import delimiter, read_text
from grader.errors import UsageError

_NEEDED = ("Identifier", "Grade", "Last modified (grade)")
_BOM = "\ufeff"


def export(request: Request) -> Export:
    """The worksheet, as it came but for the columns Grade and Feedback comments.

    Raises:
        UsageError: there is no worksheet, or it is none.
    """
    if request.theirs is None:
        raise UsageError(
            "Moodle reads only the worksheet that it wrote: download it (Submissions, Download grading "
            "worksheet) and give it with --theirs"
        )
    text = read_text(request.theirs)
    separator = delimiter(text)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))
    header = list(rows[0]) if rows else []
    if missing := [name for name in _NEEDED if name not in header]:
        raise UsageError(
            f"{request.theirs} is no grading worksheet in English: it has no column {', '.join(missing)}"
        )
    sheet = _Sheet(
        names=[name for name in header if name.casefold() == "maximum grade"],
        comments="Feedback comments" in header,
        rows=rows,
        request=request,
    )
    finder, known = PersonLookup(request.standings), set()
    for row in rows:
        if standing := finder.find(_ids(row), row.get("Full name") or ""):
            known.add(standing.person.key)
            sheet.fill(row, standing)
        else:
            who = row.get("Full name") or row["Identifier"]
            sheet.warnings.append(f"{who}: in the worksheet, but unknown here")
    others = [s.person.key for s in request.standings if s.grade and s.person.key not in known]
    sheet.warnings += [f"{', '.join(others)}: graded, but not in the worksheet"] if others else []
    return Export(data=_written(header, rows, separator), warnings=(*left_out(request), *sheet.warnings))


class _Sheet:
    """What holds for all rows of a worksheet, and what is to be said about them."""

    def __init__(
        self, *, names: Sequence[str], comments: bool, rows: Sequence[Mapping[str, str]], request: Request
    ) -> None:
        self._maximum, self._comments, self._request = names, comments, request
        self._comma = any(re.fullmatch(r"\d+,\d+", row.get(name) or "") for row in rows for name in names)
        self.warnings: list[str] = []

    def fill(self, row: dict[str, str], standing: GradebookEntry) -> None:
        """Write a student's grade and comments, unless Moodle would not take them."""
        points = counts(standing, self._request)
        if points is None:
            return
        key = standing.person.key
        maximum = _number(next((row[name] for name in self._maximum), "")) or self._request.possible
        if row.get("Grade can be changed") == "No":
            self.warnings.append(f"{key}: Moodle does not let this grade be changed")
        elif points > maximum:
            self.warnings.append(f"{key}: {points:g} is more than Moodle's maximum of {maximum:g}")
        else:
            row["Grade"] = decimal(points).replace(".", "," if self._comma else ".")
            if self._comments:
                lines = (html.escape(said, quote=False) for said in feedback(standing))
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
    """As Moodle writes it: a byte-order mark, and lines that end in CR LF."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header, delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return (_BOM + text.getvalue()).encode("utf-8", "replace")
