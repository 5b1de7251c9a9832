"""What the formats share: which grade counts, feedback in words, and cells that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.classroom.gradebook import GradebookEntry
from grader.classroom.roster import letters_of_id, spellings
from grader.model import for_students
from grader.report.summary import lost_points, points, score
from grader.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to export, and how.

    Attributes:
        standings: the class, by name.
        title, possible: of the homework.
        theirs: the file that the TA downloaded, for formats that fill one in.
        assignment: title or id of the homework over there.
        with_provisional: whether grades count that a person has still to look at.
    """

    standings: Sequence[GradebookEntry]
    title: str
    possible: float
    exercises: Mapping[int, str]
    due: str = ""
    theirs: Path | None = None
    assignment: str | None = None
    with_provisional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One file, or several by name; and a sentence for whatever the TA must know."""

    data: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def counts(standing: GradebookEntry, request: Request) -> float | None:
    """The points to hand over; None for who is excused, was not graded, or has a provisional grade."""
    if standing.grade and standing.grade.provisional and not request.with_provisional:
        return None
    return standing.mark.final


def left_out(request: Request) -> list[str]:
    """A sentence on provisional grades that are not handed over."""
    open_ones = [
        s.person.key
        for s in request.standings
        if s.grade and s.grade.provisional and not request.with_provisional
    ]
    if not open_ones:
        return []
    return [
        f"the grades of {', '.join(open_ones)} are provisional and were left out; look at them, "
        "or give --with-provisional"
    ]


def feedback(standing: GradebookEntry) -> list[str]:
    """What the student may read, a line for each thing: the points, what people said, what is missing."""
    if standing.grade is None:
        return []
    grade, mark = for_students(standing.grade), standing.mark
    total = "excused" if mark.final is None else score(mark.final, mark.possible)
    lines = [f"Points: {total}"]
    for said in mark.lines:
        amount = "" if said.points is None else f"{said.points:+g} "
        lines.append(amount + line(said.sentence))
    lines += [
        f"-{points(lost_points(result))} {line(result.title)}: {line(result.message)}"
        for result in grade.criteria
        if lost_points(result)
    ]
    return lines


def table(rows: Iterable[Sequence[object]], *, neutral: bool) -> bytes:
    """Rows as CSV; ``neutral`` keeps spreadsheets from running what somebody chose as a name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([harmless(cell) if neutral else cell for cell in row])
    return text.getvalue().encode("utf-8", "replace")


def harmless(cell: object) -> object:
    """Text that would be a formula gets an apostrophe before it; numbers stay numbers."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("=", "+", "-", "@") and not _is_number(cell):
        return f"'{cell}"
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("\t", "\r") else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def decimal(value: float) -> str:
    """A number as every importer reads it: a point, two decimals at most, no exponent."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


class PersonLookup:
    """Finds the student of a row in somebody else's file: by id where there is one, else by name."""

    def __init__(self, standings: Sequence[GradebookEntry]) -> None:
        self._by_id: dict[tuple[str, str], GradebookEntry] = {}
        names: dict[str, list[GradebookEntry]] = {}
        for standing in standings:
            for kind, value in standing.person.ids.items():
                self._by_id[kind, letters_of_id(value)] = standing
            for spelling in spellings(standing.person.name):
                names.setdefault(spelling, []).append(standing)
        self._by_name = {name: found[0] for name, found in names.items() if len(found) == 1}

    def find(self, ids: Mapping[str, str], name: str) -> GradebookEntry | None:
        """The student with one of these ids, or else with this name if only one has it."""
        for kind, value in ids.items():
            if value and (found := self._by_id.get((kind, letters_of_id(value)))):
                return found
        return next((self._by_name[s] for s in spellings(name) if s in self._by_name), None)
