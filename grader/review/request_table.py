"""Requests for regrade in a table: what a learning platform or a form saves as CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from grader.classroom.exports.matching import BY_NAME, TheirRow, match_rows, their_row
from grader.classroom.marks import TOTAL
from grader.classroom.people.students import name_orders
from grader.classroom.rosters.roster_columns import COLUMNS, normalized
from grader.classroom.rosters.tables import Table, read_table
from grader.classroom.storage.entries import GradebookEntry
from grader.classroom.timing.lateness import parse_due
from grader.errors import UsageError
from grader.review.book import ReviewBook
from grader.review.requests import NewRequest
from grader.text import line

_IDS = ("email", "login", "github", "sis", "canvas", "student id")
# Words of headers, the surest first: a form's header is often a whole question.
_WORDS = {
    "criterion": ("criterion", "criteria", "kriterium", "critère", "criterio", "part", "exercise", "aufgabe"),
    "text": (
        *("request", "text", "reason", "explain", "explanation", "why", "message", "describe", "details"),
        *("comment", "comments", "begründung", "nachricht", "raison", "motivo"),
    ),
    "sent": ("timestamp", "completion time", "submitted", "sent", "date", "time", "zeitstempel"),
    "due": ("due", "deadline", "frist"),
}
_WHOLE = ("total", "all", "whole grade", "the whole grade", "everything")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTable:
    """The requests in a table, and a sentence for each row that was left out."""

    requests: Sequence[NewRequest]
    left_out: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HowToRead:
    """How to read a table of requests.

    Attributes:
        zone: the course's, in which the table's times are.
        headers: of the columns "criterion" and "text", where their names do not tell.
        due: until when requests are to be answered for which the table does not say it.
        confirm_names: whether students whom only a name connects with their row are taken.
    """

    zone: tzinfo
    headers: Mapping[str, str] = field(default_factory=dict)
    due: datetime | None = None
    confirm_names: bool = False


def read_requests(path: Path, entries: Sequence[GradebookEntry], how: HowToRead) -> RequestTable:
    """Return the requests in a CSV file with columns for the student, the criterion and the words.

    Raises:
        UsageError: the file cannot be read, or one of these columns is missing or in doubt.
    """
    table = read_table(path)
    columns = _columns(table, how.headers)
    requests, left_out = list[NewRequest](), list[str]()
    for number, row in zip(table.lines, table.rows, strict=True):
        cells = {kind: [row[at].strip() for at in places] for kind, places in columns.items()}
        try:
            requests.append(_request(cells, entries, how))
        except UsageError as error:
            what, _, _ = str(error).partition("; nothing was written")
            left_out.append(f"line {number}: {line(what)}")
    return RequestTable(requests=requests, left_out=left_out)


def enter(book: ReviewBook, table: RequestTable, who: str) -> list[str]:
    """Enter what was not entered before, and return sentences about it and about the rows left out."""
    with book.transaction():
        new = sum(book.add_request(each, who) is not None for each in table.requests)
    known = len(table.requests) - new
    said = [f"{new} requests entered{f', {known} were entered before' if known else ''}."]
    return said + [f"Left out, {each}." for each in table.left_out]


def _columns(table: Table, headers: Mapping[str, str]) -> dict[str, list[int]]:
    """Return the places of the columns by what they hold; a form may ask for what it already knows."""
    found = [normalized(cell) for cell in table.header]
    known = {
        kind: [at for at, header in enumerate(found) if header in COLUMNS[kind]]
        for kind in (*_IDS, "name", "first", "last")
    }
    columns = {kind: places for kind, places in known.items() if places}
    if not columns:
        raise UsageError(
            f"{table.path} does not say whose the requests are: it needs a column such as email, login or "
            f"name; its columns are {table.columns}"
        )
    taken = {at for places in columns.values() for at in places}
    for kind, words in _WORDS.items():
        given = headers.get(kind)
        if given is not None and normalized(given) not in found:
            raise UsageError(f"{table.path} has no column {given!r}; its columns are {table.columns}")
        at = found.index(normalized(given)) if given is not None else _named(found, words, taken, table)
        if at is not None:
            columns[kind] = [at]
            taken.add(at)
        elif kind in ("criterion", "text"):
            what = "criterion" if kind == "criterion" else "words"
            raise UsageError(
                f"{table.path} has no column for the {what} of a request; call one of its columns {kind}: "
                f"{table.columns}"
            )
    return columns


def _named(found: Sequence[str], words: Sequence[str], taken: set[int], table: Table) -> int | None:
    """Return the one free column with the first of these words that any has."""
    for word in words:
        exact = [at for at, header in enumerate(found) if header == word and at not in taken]
        within = [
            at
            for at, header in enumerate(found)
            if at not in taken and re.search(rf"\b{re.escape(word)}\b", header)
        ]
        places = exact or within
        if len(places) > 1:
            names = " and ".join(repr(table.header[at].strip()) for at in places)
            raise UsageError(f"{table.path} has two columns for one thing, {names}; rename one of them")
        if places:
            return places[0]
    return None


def _request(
    row: Mapping[str, Sequence[str]], entries: Sequence[GradebookEntry], how: HowToRead
) -> NewRequest:
    cells = {kind: next(filter(None, values), "") for kind, values in row.items()}
    full = " ".join(cells[kind] for kind in ("first", "last") if cells.get(kind))
    name = cells.get("name") or full
    # Both the address that a form knows and the one that it asks for, which may be those of two people.
    known = [their_row(name, {kind: value}) for kind in _IDS for value in row.get(kind, ())]
    identifiers = dict.fromkeys(each for one in known for each in one.identifiers)
    theirs = TheirRow(name=name.strip(), identifiers=tuple(identifiers))
    entry = _student(theirs, entries, how)
    if not cells["text"]:
        raise UsageError(f"the request of {theirs.title} has no words")
    due = parse_due(cells["due"], how.zone) if cells.get("due") else how.due
    return NewRequest(
        record=entry.person.record,
        criterion=_criterion(cells["criterion"], entry),
        text=cells["text"],
        sent=line(cells.get("sent", "")),
        due=due,
    )


def _student(row: TheirRow, entries: Sequence[GradebookEntry], how: HowToRead) -> GradebookEntry:
    (match,) = match_rows([row], entries)
    if match.entry is None:
        why = f" ({match.why_not})" if match.why_not else ""
        raise UsageError(f"{row.title} is nobody in the class{why}")
    if match.by == BY_NAME and not how.confirm_names:
        raise UsageError(
            f"only the name connects {row.title} with {match.entry.person.key}; confirm names to take it"
        )
    names = name_orders(row.name)
    named = [each for each in entries if names & name_orders(each.person.name)]
    if named and match.entry not in named:
        key, other = match.entry.person.key, named[0].person.key
        raise UsageError(f"the {match.by} is that of {key}, but {row.title} is the name of {other}")
    return match.entry


def _criterion(text: str, entry: GradebookEntry) -> str:
    """Return the id of the criterion that a cell names by its id or its title, or total."""
    wanted = normalized(text)
    if wanted in _WHOLE:
        return TOTAL
    results = entry.grade.criteria if entry.grade else ()
    exact = [each.id for each in results if wanted in (each.id.casefold(), normalized(each.title))]
    within = [each.id for each in results if re.search(rf"(?<![\w.]){re.escape(each.id)}(?![\w.])", text)]
    found = exact or within
    if len(found) != 1:
        raise UsageError(
            f"{line(text)!r} is no criterion that {entry.person.key} was graded on; give its id, its title, "
            "or total"
        )
    return found[0]
