"""Canvas: the gradebook CSV, with one column for this homework."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from grader.classroom.exports.common import Export, PersonLookup, Request, counts, decimal, left_out, table
from grader.classroom.gradebook import GradebookEntry
from grader.classroom.roster import delimiter, read_text
from grader.errors import UsageError

# Canvas takes columns so named for sums of its own, and ignores them.
_ITS_OWN = re.compile(r"\b(current|final|unposted|override)\b.*\b(score|points|grade)\b", re.IGNORECASE)
_IDS = {"ID": "canvas", "SIS User ID": "sis", "SIS Login ID": "login"}


def export(request: Request) -> Export:
    """The TA's downloaded gradebook with only this column, or where there is none, one of our own.

    Raises:
        UsageError: the downloaded file is no gradebook, or has no column of that name.
    """
    return _filled(request) if request.theirs else _own(request)


def _own(request: Request) -> Export:
    title = request.assignment or request.title
    _check_title(title)
    rows: list[list[str]] = [
        ["Student", *_IDS, "Section", title],
        ["    Points Possible", "", "", "", "", decimal(request.possible)],
    ]
    for standing in request.standings:
        ids = standing.person.ids
        known = [ids.get(kind, "") for kind in _IDS.values()]
        rows.append([standing.person.name, *known, ids.get("section", ""), _cell(standing, request)])
    warnings = left_out(request)
    if not re.search(r"\(\d+\)$", title):
        warnings.append(
            f"Canvas adds to an assignment only where the title and its number are its own, and would make a "
            f"new one of {title!r}; better fill a downloaded gradebook: --theirs FILE"
        )
    return Export(data=table(rows, neutral=False), warnings=tuple(warnings))


def _filled(request: Request) -> Export:
    assert request.theirs is not None
    text = read_text(request.theirs)
    separator = delimiter(text)
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    if not rows or "Student" not in rows[0][0] or not any("ID" in cell for cell in rows[0]):
        raise UsageError(f"{request.theirs} is no gradebook of Canvas: it has no columns Student and ID")
    header = rows[0]
    last = max(at for at, cell in enumerate(header) if cell in ("Section", *_IDS, "Root Account"))
    column = _column(header, last, request)
    finder = PersonLookup(request.standings)
    used: set[str] = set()
    unknown: list[str] = []
    filled = [[*header[: last + 1], header[column]]]
    for row in rows[1:]:
        row += [""] * (len(header) - len(row))
        cell = row[column]
        if _is_student(row):
            ids = {kind: row[header.index(name)] for name, kind in _IDS.items() if name in header}
            if standing := finder.find(ids, row[0]):
                used.add(standing.person.key)
                cell = _cell(standing, request)
            elif row[0] != "Student, Test":  # of Canvas's own, in every course
                unknown.append(row[0])
        filled.append([*row[: last + 1], cell])
    text_out = io.StringIO()
    csv.writer(text_out, delimiter=separator, lineterminator="\n").writerows(filled)
    warnings = [*left_out(request), *_strangers(request, used, unknown)]
    return Export(data=text_out.getvalue().encode("utf-8", "replace"), warnings=tuple(warnings))


def _is_student(row: Sequence[str]) -> bool:
    first = row[0].strip()
    rest = {cell.strip() for cell in row[1:]}
    return bool(first) and not first.startswith("Points Possible") and not rest <= {"", "Muted"}


def _cell(standing: GradebookEntry, request: Request) -> str:
    if standing.mark.is_excused:
        return "EX"
    points = counts(standing, request)
    return "" if points is None else decimal(points)


def _column(header: Sequence[str], last: int, request: Request) -> int:
    """The column of this homework."""
    wanted = request.assignment or request.title
    _check_title(wanted)
    places = range(last + 1, len(header))
    exact = [at for at in places if header[at] == wanted or header[at].endswith(f"({wanted})")]
    titled = [at for at in places if re.sub(r" \(\d+\)$", "", header[at]) == wanted]
    if len(found := exact or titled) != 1:
        there = ", ".join(repr(header[at]) for at in places if re.search(r"\(\d+\)$", header[at]))
        raise UsageError(
            f"{request.theirs} has no single column {wanted!r}; say which with --assignment: {there}"
        )
    return found[0]


def _check_title(title: str) -> None:
    if _ITS_OWN.search(title):
        raise UsageError(f"Canvas ignores columns with names such as {title!r}; choose another --assignment")


def _strangers(request: Request, used: set[str], unknown: Sequence[str]) -> list[str]:
    others = [s.person.key for s in request.standings if s.person.key not in used and s.grade]
    said = [f"{', '.join(others)}: graded, but not in {request.theirs}"] if others else []
    return said + ([f"{'; '.join(unknown)}: in {request.theirs}, but unknown here"] if unknown else [])
