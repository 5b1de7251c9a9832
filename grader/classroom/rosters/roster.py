"""Read a class roster (any CSV file, a Canvas gradebook, a Moodle worksheet)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from grader.classroom.people.identity import GITHUB, Claim, Identifier, RosterEntry, values_by_kind
from grader.classroom.people.students import name_orders, normalize_name
from grader.classroom.rosters.roster_columns import COLUMNS, MOODLE_GRADED, STAFF, normalized
from grader.classroom.rosters.tables import read_table
from grader.classroom.timing.times import read_time
from grader.classroom.timing.zones import local_zone
from grader.errors import UsageError

_NONE = {"", "-", "–", "n/a", "#n/a", "na", "none", "null", "unknown"}  # what tables hold where a value lacks
_ROUNDED = re.compile(r"\d[.,]\d+E\+\d+", re.IGNORECASE)  # 1.23E+11
_KINDS = ("email", "login", "github", "sis", "canvas", "student id")


def read_roster(path: Path, zone: tzinfo | None = None) -> list[RosterEntry]:
    """Return everybody in a CSV file with a header, in the file's order.

    A person with several rows, one for each section, is returned once.

    Args:
        zone: the course's, of times that name none; this machine's if None.

    Raises:
        UsageError: the file cannot be read, or has no column for names or identifiers.
    """
    table = read_table(path)
    header = [normalized(cell) for cell in table.header]
    columns = {
        kind: [at for alias in aliases for at, cell in enumerate(header) if cell == alias]
        for kind, aliases in COLUMNS.items()
    }
    named = ("name", "first", "last", "login", "email", "github", "identifier")
    if not any(columns[kind] for kind in named):
        raise UsageError(
            f"{path} is not a roster: its header needs a column named name, login or email; "
            f"its columns are {table.columns}"
        )
    source = _Source(header=frozenset(header), columns=columns, zone=zone or local_zone())
    entries = [entry for row in table.rows if (entry := source.entry(row))]
    if not entries:
        raise UsageError(f"{path} is a roster of nobody: there are no people below its header")
    _check_numbers(path, entries)
    return _one_for_each_person(entries)


def _check_numbers(path: Path, entries: Sequence[RosterEntry]) -> None:
    """Refuse ids that a spreadsheet has rounded: several people may have the same afterwards."""
    for entry in entries:
        for each in entry.claim.identifiers:
            if _ROUNDED.fullmatch(each.value):
                raise UsageError(
                    f"{path}: the id of {entry.claim.name} reads {each.value}, since a spreadsheet rounded "
                    "it; download the table again, and open it, if at all, with that column as text"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A table's columns by kind, and the system that it comes from, as its header shows."""

    header: frozenset[str]
    columns: Mapping[str, Sequence[int]]
    zone: tzinfo

    def entry(self, row: Sequence[str]) -> RosterEntry | None:
        """Return the person in a row, or None for a row that names nobody."""
        values = {kind: self._values(row, kind) for kind in self.columns}
        first = {kind: found[0] for kind, found in values.items() if found}
        full = " ".join(first[kind] for kind in ("first", "last") if kind in first)
        identifiers = tuple(self._identifiers(values))
        fallback = first.get("identifier") or next((each.value for each in identifiers), "")
        name = first.get("name") or full or fallback
        if not name or name.casefold().startswith("points possible"):  # below the header, in Canvas
            return None
        handed_in, unread = read_time(first.get("handed in", ""), self.zone)
        return RosterEntry(
            claim=Claim(name=name, identifiers=identifiers),
            section=", ".join(dict.fromkeys(values["section"])),
            is_student=not self._is_test_student(name) and not _is_staff(", ".join(values["role"])),
            handed_in=handed_in,
            unread_time=unread,
        )

    def _values(self, row: Sequence[str], kind: str) -> list[str]:
        cells = (row[at].strip() for at in self.columns[kind])
        return [cell for cell in cells if cell.casefold() not in _NONE]

    def _identifiers(self, values: Mapping[str, Sequence[str]]) -> Iterator[Identifier]:
        for kind in _KINDS:
            for value in values[kind]:
                if kind == "github" or (kind == "login" and self._is_classroom_50):
                    yield Identifier("github", value, GITHUB)
                elif kind != "email" or "@" in value:
                    yield Identifier(kind, value)
        for value in values["id"]:
            if self._is_moodle:
                yield from _several_kinds(value, is_moodle=True)
            else:
                yield Identifier("canvas" if self._is_canvas else "student id", value)
        for value in values["identifier"]:
            yield from _several_kinds(value, is_moodle=self._is_moodle)

    @property
    def _is_canvas(self) -> bool:
        names = {"student"} <= self.header or {"lastname", "firstname"} <= self.header
        return names or bool({"sis user id", "sis login id"} & self.header)

    @property
    def _is_moodle(self) -> bool:
        return bool(self.header & set(MOODLE_GRADED))

    @property
    def _is_classroom_50(self) -> bool:
        return {"username", "github_id"} <= self.header

    def _is_test_student(self, name: str) -> bool:
        return self._is_canvas and normalize_name(name) in ("studenttest", "teststudent")


def _several_kinds(value: str, *, is_moodle: bool) -> Iterator[Identifier]:
    """Yield the identifier in a column that holds different kinds in different systems.

    Moodle writes "Participant 11", in the site's language; GitHub Classroom what the teacher entered: an
    e-mail address, a login, a student id or a name.
    """
    participant = re.fullmatch(r"[^\W\d]\D*?(\d+)", value)
    known = re.match(r"particip|teilnehm|partecip|deelnem", value, re.IGNORECASE)
    if participant and (is_moodle or known):
        yield Identifier("moodle", participant[1])
    elif "@" in value:
        yield Identifier("email", value)
    elif value.isdecimal():
        yield Identifier("moodle" if is_moodle else "student id", value)
    elif " " not in value:
        yield Identifier("login", value)


def _is_staff(roles: str) -> bool:
    """Return whether all of the roles are those of staff; without a role, everybody is a student."""
    each = [role for role in re.split(r"[,;]", roles.casefold()) if role.strip()]
    return bool(each) and all(
        set(re.findall(r"\w+", role.replace("enrollment", ""))) & set(STAFF) for role in each
    )


def _one_for_each_person(entries: Sequence[RosterEntry]) -> list[RosterEntry]:
    """Merge rows that share an identifier and the name, unless other identifiers contradict that."""
    merged: list[RosterEntry] = []
    places: dict[tuple[str, str, str], int] = {}  # in ``merged``, by identifier
    for entry in entries:
        ids = [(each.kind, each.normalized, each.scope) for each in entry.claim.identifiers]
        at = next((places[id] for id in ids if id in places), None)
        if at is not None and _is_same_person(merged[at].claim, entry.claim):
            merged[at] = _merge(merged[at], entry)
        else:
            at = len(merged)
            merged.append(entry)
        for id in ids:
            places.setdefault(id, at)
    return merged


def _is_same_person(one: Claim, other: Claim) -> bool:
    ids, others = values_by_kind(one.identifiers), values_by_kind(other.identifiers)
    contradict = any(
        normalize_id(ids[kind]) != normalize_id(others[kind])
        for kind in ("canvas", "sis", "moodle", "student id")
        if kind in ids and kind in others
    )
    return not contradict and bool(name_orders(one.name) & name_orders(other.name))


def _merge(one: RosterEntry, other: RosterEntry) -> RosterEntry:
    identifiers = dict.fromkeys((*one.claim.identifiers, *other.claim.identifiers))
    sections = dict.fromkeys(section for section in (one.section, other.section) if section)
    return RosterEntry(
        claim=Claim(name=one.claim.name, identifiers=tuple(identifiers)),
        section=", ".join(sections),
        is_student=one.is_student or other.is_student,
        handed_in=one.handed_in or other.handed_in,
        unread_time=one.unread_time or other.unread_time,
    )


def normalize_id(value: str) -> str:
    """Return an identifier without case and surrounding blanks, for comparison."""
    return value.strip().casefold()
