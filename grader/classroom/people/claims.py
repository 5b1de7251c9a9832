"""Find the record of each claim, make records for new people, and note claims that contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from grader.classroom.people.directory import (
    CONTESTED,
    IDENTIFIER,
    LISTED,
    ROSTER,
    SUBMISSION,
    Conflict,
    Directory,
    Record,
    Slot,
    agree,
    name_handle,
    single_values,
    slot,
)
from grader.classroom.people.identity import KINDS, Claim, Identifier, RosterEntry
from grader.classroom.people.keys import give_keys
from grader.classroom.people.students import name_orders, normalize_name
from grader.text import line


def take_roster(directory: Directory, entries: Sequence[RosterEntry]) -> list[int]:
    """Place the rows of a roster, which replaces the one before, and return the record of each."""
    directory.conflicts = [each for each in directory.conflicts if each.origin != ROSTER]
    for record in directory.records.values():
        record.on_roster, record.handed_in, record.unread_time = False, None, ""
    placed = place(directory, [entry.claim for entry in entries], ROSTER)
    rows = sorted(zip(placed, entries, strict=True), key=lambda row: _canonical(row[1].claim))
    for id, entry in rows:
        record = directory.records[id]
        sections = [record.section, entry.section] if record.on_roster else [entry.section]
        record.section = ", ".join(dict.fromkeys(filter(None, sections)))
        record.is_student = entry.is_student or (record.on_roster and record.is_student)
        if _has_name(entry.claim):  # else the name that is known stays
            record.name = record.listed_as = entry.claim.name
        record.on_roster = True
        record.handed_in = entry.handed_in or record.handed_in
        record.unread_time = entry.unread_time or record.unread_time
    return placed


def place(directory: Directory, claims: Sequence[Claim], origin: str) -> list[int]:
    """Return the record of each claim; make records for new people, and merge those found to be one.

    The order of the claims does not matter. Rows of a roster that have one name and no identifiers are as
    many people; files of one name are one person's.
    """
    return _Placing(directory, origin, [_with_address(claim) for claim in claims]).run()


def _with_address(claim: Claim) -> Claim:
    """Return the claim with the e-mail addresses that are its logins, as in many institutions."""
    logins = [each for each in claim.identifiers if each.kind == "login" and "@" in each.value]
    addresses = (Identifier("email", login.value, login.scope) for login in logins)
    return replace(claim, identifiers=tuple(dict.fromkeys((*claim.identifiers, *addresses))))


class _Placing:
    """The claims of one table or download on their way to their records."""

    def __init__(self, directory: Directory, origin: str, claims: Sequence[Claim]) -> None:
        self._directory, self._origin, self._claims = directory, origin, claims
        self._disputed = _disputed(claims, origin)
        self._new: list[Record] = []
        self._by_handle: dict[tuple[str, str], list[int]] = defaultdict(list)
        for record in directory.records.values():
            if not record.identifiers or record.origin == CONTESTED:
                for handle in {name_handle(name) for name in record.names}:
                    self._by_handle[record.origin, handle].append(record.id)

    def run(self) -> list[int]:
        """Return the record of each claim."""
        placed: dict[int, int] = {}
        numbers: Counter[str] = Counter()  # rows by name, of those without identifiers
        for at in sorted(range(len(self._claims)), key=lambda at: _canonical(self._claims[at])):
            claim = self._claims[at]
            if claim.identifiers:
                placed[at] = self._by_identifiers(claim)
            else:
                handle = name_handle(claim.name)
                placed[at] = self._by_name(claim, self._origin, numbers[handle])
                numbers[handle] += self._origin == ROSTER
            self._directory.records[placed[at]].names.add(claim.name)
        give_keys(self._directory, self._new)
        homes = [placed[at] for at in range(len(self._claims))]
        self._note_namesakes(homes)
        self._note_conflicts(homes)
        return homes

    def _by_identifiers(self, claim: Claim) -> int:
        """Return the record that the claim's identifiers belong to; where they contradict, its own."""
        directory = self._directory
        trusted = [i for i in claim.identifiers if slot(i) not in self._disputed or self._keeps(claim, i)]
        found = sorted({directory.owners[slot(i)] for i in trusted if slot(i) in directory.owners})
        unknown = [i for i in trusted if slot(i) not in directory.owners]
        fitting = [id for id in found if self._fits(claim, id)]
        # A row of a roster hands nothing in: it may stay with its person in spite of a foreign identifier.
        is_clear = self._is_one_person(fitting) and (fitting == found or (fitting and self._origin == ROSTER))
        contested = [id for id in found if directory.records[id].origin == CONTESTED]
        if found and is_clear:
            home = fitting[0]
            for other in fitting[1:]:
                if not directory.are_proven_one(home, other):  # a merge by hand may be undone
                    directory.merge(home, other, IDENTIFIER)
        elif contested:
            home = contested[0]
        elif unknown and not fitting:
            is_clear = not found and len(trusted) == len(claim.identifiers)
            home = self._make(claim, self._origin if is_clear else CONTESTED).id
        else:
            home = self._by_name(claim, CONTESTED, 0)
            for other in found:
                directory.keep_apart(home, other, CONTESTED)
        directory.give(home, unknown)
        return home

    def _keeps(self, claim: Claim, identifier: Identifier) -> bool:
        """Return whether an identifier that a roster gives to several people was this person's before."""
        owner = self._directory.owners.get(slot(identifier))
        return self._origin == ROSTER and owner is not None and self._fits(claim, owner)

    def _fits(self, claim: Claim, record: int) -> bool:
        """Return whether a record that has one of the claim's identifiers can be the claim's person.

        An identifier that two rosters give to people without a word of their names in common is doubtful.
        """
        directory = self._directory
        members = directory.strongly(record)
        if not agree(single_values(claim.identifiers), directory.values(members)):
            return False
        names = [name for id in members if (name := directory.records[id].listed_as)]
        known = {name for id in members for name in directory.records[id].names}
        return (
            self._origin != ROSTER
            or not (names and _has_name(claim))
            or claim.name in known
            or any(_may_be_one_name(claim.name, name) for name in names)
        )

    def _is_one_person(self, records: Sequence[int]) -> bool:
        return not any(
            self._directory.strong.root(a) != self._directory.strong.root(b)
            and self._directory.contradicts(a, b)
            for number, a in enumerate(records)
            for b in records[number + 1 :]
        )

    def _by_name(self, claim: Claim, origin: str, number: int) -> int:
        """Return the record, the given one in their order, of this origin that has only this name."""
        found = self._by_handle[origin, name_handle(claim.name)]
        return found[number] if number < len(found) else self._make(claim, origin).id

    def _make(self, claim: Claim, origin: str) -> Record:
        record = self._directory.add(claim.name, origin)
        self._new.append(record)
        if not claim.identifiers or origin == CONTESTED:
            self._by_handle[origin, name_handle(claim.name)].append(record.id)
        return record

    def _note_namesakes(self, homes: Sequence[int]) -> None:
        """Link namesakes of one table or download as two people, where it tells them apart."""
        by_name: dict[str, list[int]] = defaultdict(list)  # positions
        for at, claim in enumerate(self._claims):
            for order in name_orders(claim.name):
                by_name[order].append(at)
        for places in by_name.values():
            for number, a in enumerate(places):
                for b in places[number + 1 :]:
                    one, two = self._claims[a], self._claims[b]
                    is_listed = self._origin == ROSTER or _differ(one.identifiers, two.identifiers)
                    if is_listed and self._directory.strong.root(homes[a]) != self._directory.strong.root(
                        homes[b]
                    ):
                        self._directory.keep_apart(homes[a], homes[b], LISTED)

    def _note_conflicts(self, homes: Sequence[int]) -> None:
        directory, origin = self._directory, self._origin
        if origin == SUBMISSION:
            again = set(homes)
            directory.conflicts = [
                each for each in directory.conflicts if each.origin != SUBMISSION or each.record not in again
            ]
        holders: dict[Slot, list[int]] = defaultdict(list)
        for home, claim in zip(homes, self._claims, strict=True):
            for identifier in claim.identifiers:
                holders[slot(identifier)].append(home)
        noted: dict[frozenset[int], Conflict] = {}
        for home, claim in sorted(
            zip(homes, self._claims, strict=True), key=lambda each: _canonical(each[1])
        ):
            foreign = [i for i in claim.identifiers if self._elsewhere(i, home, holders)]
            others = {id for i in foreign for id in self._elsewhere(i, home, holders)}
            if others and not self._was_decided(home):
                noted.setdefault(frozenset([home, *others]), self._conflict(claim, home, others, foreign))
        for twins in self._indistinguishable(homes):
            sentence = (
                f"The roster has {len(twins)} rows named {line(directory.records[twins[0]].name)} and "
                "nothing that tells them apart: give it a column with an id, a login or an e-mail address."
            )
            noted[frozenset(twins)] = Conflict(
                record=twins[0], others=twins[1:], origin=origin, sentence=sentence
            )
        directory.conflicts += noted.values()

    def _was_decided(self, home: int) -> bool:
        """Return whether somebody has said whose the claims are that were put beside all people."""
        directory = self._directory
        return directory.records[home].origin == CONTESTED and len(directory.strongly(home)) > 1

    def _elsewhere(
        self, identifier: Identifier, home: int, holders: Mapping[Slot, Sequence[int]]
    ) -> list[int]:
        """Return the records of other people that have, or that are said to have, an identifier."""
        place, strong = slot(identifier), self._directory.strong
        owner = self._directory.owners.get(place)
        found = {*(holders[place] if place in self._disputed else ()), *([] if owner is None else [owner])}
        return sorted(id for id in found if strong.root(id) != strong.root(home))

    def _conflict(
        self, claim: Claim, home: int, others: Collection[int], foreign: Sequence[Identifier]
    ) -> Conflict:
        ids = " and ".join(f"the {KINDS[i.kind]} {line(i.value)}" for i in foreign)
        whose = " and ".join(_described(self._directory.records[id]) for id in sorted(others))
        source = "The roster" if self._origin == ROSTER else "A submission"
        sentence = (
            f"{source} gives {ids} to {line(claim.name)} ({self._directory.records[home].key}), and "
            f"{'it belongs' if len(foreign) == 1 else 'these belong'} to {whose} as well."
        )
        return Conflict(record=home, others=tuple(sorted(others)), origin=self._origin, sentence=sentence)

    def _indistinguishable(self, homes: Sequence[int]) -> list[tuple[int, ...]]:
        if self._origin != ROSTER:
            return []
        by_name: dict[str, list[int]] = defaultdict(list)
        for home, claim in zip(homes, self._claims, strict=True):
            if not claim.identifiers:
                by_name[name_handle(claim.name)].append(home)
        return [tuple(sorted(twins)) for twins in by_name.values() if len(twins) > 1]


def _disputed(claims: Sequence[Claim], origin: str) -> set[Slot]:
    """Return the identifiers that one table or download gives to people who are not one."""
    claimed: dict[Slot, list[Claim]] = defaultdict(list)
    for claim in claims:
        for identifier in claim.identifiers:
            claimed[slot(identifier)].append(claim)
    return {
        each
        for each, claimants in claimed.items()
        if any(
            not agree(single_values(one.identifiers), single_values(two.identifiers))
            or (origin == ROSTER and not _may_be_one_person(one, two))
            for number, one in enumerate(claimants)
            for two in claimants[number + 1 :]
        )
    }


def _differ(one: Iterable[Identifier], two: Iterable[Identifier]) -> bool:
    """Return whether identifiers of one kind and scope have different values."""
    values = {(identifier.kind, identifier.scope): identifier.normalized for identifier in one}
    return any(values.get((i.kind, i.scope), i.normalized) != i.normalized for i in two)


def _has_name(claim: Claim) -> bool:
    """Return whether a claim has a name; where none is known, an identifier stands in its place."""
    return claim.name not in {identifier.value for identifier in claim.identifiers}


def _may_be_one_person(one: Claim, two: Claim) -> bool:
    return not (_has_name(one) and _has_name(two)) or _may_be_one_name(one.name, two.name)


def _may_be_one_name(one: str, two: str) -> bool:
    """Return whether two names have a word in common, whatever its case and accents."""
    first, second = ({normalize_name(word) for word in name.replace(",", " ").split()} for name in (one, two))
    return not first.isdisjoint(second) or not name_orders(one).isdisjoint(name_orders(two))


def _canonical(claim: Claim) -> tuple[int, list[Slot], str]:
    """Return a sort key that depends on the claim alone; claims with most identifiers come first."""
    return -len(claim.identifiers), sorted(map(slot, claim.identifiers)), claim.name


def _described(record: Record) -> str:
    ids = [f"{KINDS[i.kind]} {line(i.value)}" for i in record.identifiers[:2]]
    return f"{line(record.name)} ({', '.join([record.key, *ids])})"
