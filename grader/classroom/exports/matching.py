"""Find the student of each row of another system's table, or refuse where that cannot be known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.classroom.people.identity import KINDS, Identifier, identifiers_from
from grader.classroom.people.students import name_orders
from grader.classroom.storage.gradebook import GradebookEntry
from grader.errors import UsageError
from grader.text import line

_ONE_EACH = ("canvas", "sis", "student id", "moodle", "login")  # a person has one value of these kinds
_LASTING = ("canvas", "sis", "student id")  # and of these, the same one for years
_NONE = {"", "-", "–", "n/a", "#n/a", "na", "none", "null"}
BY_NAME = "name"
_BY_FILE = ", file by name"  # the row is the student's, but only a name says so of the file handed in


@dataclass(frozen=True, slots=True, kw_only=True)
class TheirRow:
    """A person in another system's table; the name is empty under blind marking."""

    name: str
    identifiers: tuple[Identifier, ...]

    @property
    def title(self) -> str:
        """The row's name in messages."""
        return line(self.name or next((each.value for each in self.identifiers), "a row without a name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The student of a row.

    Attributes:
        entry: None if nobody here is known to be the row's person.
        by: what they have in common: an identifier with its kind, or BY_NAME.
        is_certain: False if only a name says that the row, or the file handed in, is the student's.
        why_not: why a student who has an identifier of the row was not taken.
    """

    entry: GradebookEntry | None = None
    by: str = ""
    is_certain: bool = True
    why_not: str = ""


def their_row(name: str, values: Mapping[str, str]) -> TheirRow:
    """Return a row from its name and its values by kind of identifier; placeholders are left out."""
    known = {kind: value for kind, value in values.items() if value.strip().casefold() not in _NONE}
    identifiers = identifiers_from(known)
    if "@" in known.get("login", "") and "email" not in known:
        identifiers += (Identifier("email", known["login"]),)  # as in rosters, a login may be an address
    return TheirRow(name=name.strip(), identifiers=identifiers)


def own_matches(entries: Sequence[GradebookEntry], kinds: Collection[str]) -> list[Match]:
    """Return a match for each student of a new table, which says by what the other system will know them.

    Raises:
        UsageError: two students have one identifier of these kinds.
    """
    by_id: dict[tuple[str, str], list[GradebookEntry]] = defaultdict(list)
    matches = []
    for entry in entries:
        own = [each for each in identifiers_of(entry) if each.kind in kinds]
        for identifier in {_slot(each): each for each in own}.values():
            by_id[_slot(identifier)].append(entry)
            refuse_two(identifier, by_id[_slot(identifier)])
        best = next((each for each in own if is_certain(entry, [each])), own[0] if own else None)
        certain = not own or is_certain(entry, own)
        by = spoken(best) if best else BY_NAME
        matches.append(Match(entry=entry, by=by if certain else by + _BY_FILE, is_certain=certain))
    return matches


def match_rows(rows: Sequence[TheirRow], entries: Sequence[GradebookEntry]) -> list[Match]:
    """Return the match of each row.

    An identifier decides. A name only counts where exactly one row and one student have it, and none of
    their identifiers differ.

    Raises:
        UsageError: two students, or two rows, have one identifier; or a row has those of two students.
    """
    by_id: dict[tuple[str, str], list[GradebookEntry]] = defaultdict(list)
    for entry in entries:
        for slot in {_slot(each) for each in identifiers_of(entry)}:
            by_id[slot].append(entry)
    _check_rows(rows, by_id)
    matches = [_by_identifier(row, by_id) for row in rows]
    taken = {match.entry.person.key for match in matches if match.entry}
    names = _Names(rows, [entry for entry in entries if entry.person.key not in taken])
    return [
        match if match.entry or match.why_not else names.match(row)
        for row, match in zip(rows, matches, strict=True)
    ]


def identifiers_of(entry: GradebookEntry) -> tuple[Identifier, ...]:
    """Return all identifiers of a student."""
    return entry.person.identifiers or identifiers_from(entry.person.ids)


def is_certain(entry: GradebookEntry, identifiers: Iterable[Identifier]) -> bool:
    """Return whether more than a name links one of the identifiers with the student's hand-in."""
    uncertain = {_slot(each) for each in entry.by_name}
    return any(_slot(each) not in uncertain for each in identifiers)


def spoken(identifier: Identifier) -> str:
    """Return an identifier with its kind, such as "Canvas id 1001"."""
    return f"{KINDS[identifier.kind]} {line(identifier.value)}"


def named(entry: GradebookEntry) -> str:
    """Return a student's key and name for a message."""
    return f"{entry.person.key} ({line(entry.person.name)})"


def _by_identifier(row: TheirRow, by_id: Mapping[tuple[str, str], Sequence[GradebookEntry]]) -> Match:
    found: dict[str, GradebookEntry] = {}
    shared: list[Identifier] = []
    for identifier in row.identifiers:
        entries = by_id.get(_slot(identifier), ())
        refuse_two(identifier, entries)
        shared += [identifier] if entries else []
        found |= {entry.person.key: entry for entry in entries}
    if len(found) > 1:
        two = " and ".join(map(named, found.values()))
        raise UsageError(
            f"the row of {row.title} has identifiers of two students, {two} "
            f"({', '.join(map(spoken, shared))}); nothing was written: correct the roster or that row"
        )
    for entry in found.values():
        if differing := _differing(row, entry, _LASTING):
            return Match(why_not=f"{spoken(shared[0])} is that of {named(entry)}, but {differing}")
        best = next((each for each in shared if is_certain(entry, [each])), shared[0])
        certain = is_certain(entry, [best])
        return Match(entry=entry, by=spoken(best) + ("" if certain else _BY_FILE), is_certain=certain)
    return Match()


def refuse_two(identifier: Identifier, entries: Sequence[GradebookEntry]) -> None:
    """Raise UsageError if several students have an identifier."""
    if len(entries) > 1:
        raise UsageError(
            f"{' and '.join(map(named, entries))} have the same {spoken(identifier)}; nothing was written: "
            "correct the roster and grade with it again, or settle who they are with `grade people`"
        )


def _check_rows(rows: Sequence[TheirRow], ours: Mapping[tuple[str, str], object]) -> None:
    """Refuse two people under one identifier in the other table; one person may have several rows."""
    seen: dict[tuple[str, str], TheirRow] = {}
    for row in rows:
        for identifier in row.identifiers:
            first = seen.setdefault(_slot(identifier), row)
            are_two = not name_orders(first.name) & name_orders(row.name)
            if first is not row and are_two and _slot(identifier) in ours:
                raise UsageError(
                    f"the rows of {first.title} and {row.title} have the same {spoken(identifier)}; nothing "
                    "was written: download the table again, or correct it"
                )


class _Names:
    """Rows and students that have no identifier in common, by every order of their names."""

    def __init__(self, rows: Sequence[TheirRow], entries: Sequence[GradebookEntry]) -> None:
        self._rows: dict[str, set[tuple[str, tuple[Identifier, ...]]]] = defaultdict(set)
        self._entries: dict[str, list[GradebookEntry]] = defaultdict(list)
        for row in rows:
            for name in name_orders(row.name):
                self._rows[name].add((row.name, row.identifiers))
        for entry in entries:
            for name in name_orders(entry.person.name):
                self._entries[name].append(entry)

    def match(self, row: TheirRow) -> Match:
        orders = [name for name in name_orders(row.name) if name]
        found = {entry.person.key: entry for name in orders for entry in self._entries.get(name, ())}
        namesakes = {each for name in orders for each in self._rows[name]}
        if len(found) != 1 or len(namesakes) != 1:
            return Match()
        (entry,) = found.values()
        if differing := _differing(row, entry, _ONE_EACH):
            return Match(why_not=f"the name is that of {named(entry)}, but {differing}")
        return Match(entry=entry, by=BY_NAME, is_certain=False)


def _differing(row: TheirRow, entry: GradebookEntry, kinds: Sequence[str]) -> str:
    """Return a phrase about an identifier in which a row and a student differ, or ""."""
    for kind in kinds:
        theirs = [each for each in row.identifiers if each.kind == kind]
        ours = [each for each in identifiers_of(entry) if each.kind == kind]
        if theirs and ours and not {_slot(each) for each in theirs} & {_slot(each) for each in ours}:
            return f"the row has the {spoken(theirs[0])}, and not {line(ours[0].value)}"
    return ""


def _slot(identifier: Identifier) -> tuple[str, str]:
    """Return what rows and students are compared by: rows never say the scope."""
    return identifier.kind, identifier.normalized
