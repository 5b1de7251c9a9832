"""Directory of a class: records of people, and the links that make several of them one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from grader.classroom.people.identity import Identifier
from grader.classroom.people.students import normalize_name

SEVERAL = {"email", "github"}  # kinds of which one person may have several values in one scope
ROSTER, SUBMISSION, CONTESTED = "roster", "submission", "contested"
IDENTIFIER, NAME, PERSON, LISTED = "identifier", "name", "person", "listed"
Slot = tuple[str, str, str]  # kind, scope and normalized value of an identifier


@dataclass(slots=True, kw_only=True)
class Record:
    """One source's knowledge of a person; merged records are one person.

    Attributes:
        key: file name of the reports; it never changes, and is never given to another record.
        name: the one to show; ``names`` are all that it was seen under.
        origin: ROSTER or SUBMISSION, by what it was first seen in; CONTESTED if it was made for a claim whose
            identifiers belong to different people.
        identifiers: those that belong to it; a claim by name alone never adds any.
        listed_as: its name on the newest roster that had it; "" if none did.
        on_roster: whether the newest roster has it; ``section``, ``is_student``, ``handed_in`` and
            ``unread_time`` are as on that roster.
        removed: when and by whom it was taken out of the class; None while it is in.
    """

    id: int
    key: str
    name: str
    origin: str
    names: set[str] = field(default_factory=set)
    identifiers: list[Identifier] = field(default_factory=list)
    listed_as: str = ""
    section: str = ""
    is_student: bool = True
    on_roster: bool = False
    handed_in: datetime | None = None
    unread_time: str = ""
    removed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A statement about two records: in ``merges`` that they are one person, in ``apart`` that they are two.

    Attributes:
        first, second: ids of the records, the older one first.
        reason: of a merge, IDENTIFIER, NAME or PERSON (made by hand); of two people, PERSON, LISTED
            (namesakes in one table or download) or CONTESTED.
    """

    first: int
    second: int
    reason: str

    @classmethod
    def between(cls, one: int, two: int, reason: str) -> Link:
        """Link two records given in any order."""
        return cls(first=min(one, two), second=max(one, two), reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Claims that contradict each other, for a person to settle.

    Attributes:
        record: where the claim was put.
        others: records that have some of the claim's identifiers, or that cannot be told from its record.
        origin: ROSTER or SUBMISSION.
    """

    record: int
    others: tuple[int, ...]
    origin: str
    sentence: str


class Partition:
    """Disjoint sets of ids; the root of each is its smallest id."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._roots = {id: id for id in ids}
        self.members = {id: [id] for id in self._roots}

    def add(self, id: int) -> None:
        """Add an id as a set of its own."""
        self._roots[id], self.members[id] = id, [id]

    def root(self, id: int) -> int:
        """Return the smallest id of the set."""
        return self._roots[id]

    def union(self, one: int, two: int) -> bool:
        """Unite the sets of two ids; return False if they were one already."""
        first, second = sorted((self._roots[one], self._roots[two]))
        if first == second:
            return False
        moved = self.members.pop(second)
        self.members[first] += moved
        self._roots.update(dict.fromkeys(moved, first))
        return True


class Directory:
    """The records of a class, which of them are one person, and which are known to be two.

    Nothing is moved when records merge: a merge is a link, which can be taken out again. Records linked by
    anything but a name are *strongly* one person.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        merges: Iterable[Link] = (),
        apart: Iterable[Link] = (),
        conflicts: Iterable[Conflict] = (),
    ) -> None:
        self.records = {record.id: record for record in records}
        self._newest = max(self.records, default=0)
        self.merges, self.apart, self.conflicts = list(merges), list(apart), list(conflicts)
        self.owners = {slot(i): r.id for r in self.records.values() for i in r.identifiers}
        self.refresh()

    def refresh(self) -> None:
        """Compute from the links who is one person."""
        self.strong, self.clusters = Partition(self.records), Partition(self.records)
        self._merged_by_hand: set[int] = set()
        for link in self.merges:
            self._unite(link)
        self._apart: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for link in self.apart:
            self._separate(link)

    def root(self, record: int) -> Record:
        """Return the oldest record of a person, whose key is the person's."""
        return self.records[self.clusters.root(record)]

    def cluster(self, record: int) -> list[Record]:
        """Return the records of a person, oldest first."""
        return [self.records[id] for id in sorted(self.clusters.members[self.clusters.root(record)])]

    def people(self) -> list[list[Record]]:
        """Return the records of each person who was not removed, oldest first."""
        return [self.cluster(id) for id in self.clusters.members if self.records[id].removed is None]

    def strongly(self, record: int) -> list[int]:
        """Return the records that are one person with this one by more than a name."""
        return self.strong.members[self.strong.root(record)]

    def are_proven_one(self, one: int, two: int) -> bool:
        """Return whether identifiers alone say that two records are one person."""
        if self.strong.root(one) != self.strong.root(two):
            return False
        proven = Partition(self.strongly(one))
        for link in self.merges:
            if link.reason == IDENTIFIER and self.strong.root(link.first) == self.strong.root(one):
                proven.union(link.first, link.second)
        return proven.root(one) == proven.root(two)

    def add(self, name: str, origin: str) -> Record:
        """Add a record without identifiers; it needs a key."""
        self._newest += 1
        record = Record(id=self._newest, key="", name=name, origin=origin, names={name})
        self.records[record.id] = record
        self.strong.add(record.id)
        self.clusters.add(record.id)
        return record

    def give(self, record: int, identifiers: Iterable[Identifier]) -> None:
        """Add identifiers that belong to nobody to a record."""
        for identifier in identifiers:
            if slot(identifier) not in self.owners:
                self.owners[slot(identifier)] = record
                self.records[record].identifiers.append(identifier)

    def merge(self, one: int, two: int, reason: str) -> None:
        """Link two records as one person."""
        self.merges.append(Link.between(one, two, reason))
        self._unite(self.merges[-1])

    def keep_apart(self, one: int, two: int, reason: str) -> None:
        """Link two records as two people."""
        if reason not in self._apart[one][two]:
            self.apart.append(Link.between(one, two, reason))
            self._separate(self.apart[-1])

    def contradicts(self, one: int, two: int) -> bool:
        """Return whether two records, with those that are strongly one person with them, are two people."""
        first, second = self.strongly(one), self.strongly(two)
        return self.is_apart(first, second) or not agree(self.values(first), self.values(second))

    def is_apart(self, one: Iterable[int], two: Iterable[int], reason: str = "") -> bool:
        """Return whether any record of the one is linked as apart from one of the other, for this reason."""
        others = set(two)
        return any(
            other in others and (not reason or reason in reasons)
            for id in one
            if id in self._apart
            for other, reasons in self._apart[id].items()
        )

    def is_merged_by_hand(self, records: Collection[int]) -> bool:
        """Return whether staff merged another record into one of these."""
        return not self._merged_by_hand.isdisjoint(records)

    def values(self, records: Iterable[int]) -> dict[tuple[str, str], set[str]]:
        """Return the values of records' identifiers, see ``single_values``."""
        return single_values(identifier for id in records for identifier in self.records[id].identifiers)

    def open_conflicts(self) -> list[Conflict]:
        """Return the conflicts that nobody has settled by merging, splitting or removing records."""
        return [conflict for conflict in self.conflicts if not self._is_settled(conflict)]

    def open_sentences(self) -> dict[int, list[str]]:
        """Return the sentences of ``open_conflicts`` by each record that they are about."""
        sentences: dict[int, list[str]] = defaultdict(list)
        for conflict in self.open_conflicts():
            for id in {conflict.record, *conflict.others}:
                sentences[id].append(conflict.sentence)
        return sentences

    def _is_settled(self, conflict: Conflict) -> bool:
        if self.root(conflict.record).removed is not None:
            return True
        if not set(self.strongly(conflict.record)).isdisjoint(conflict.others):
            return True
        return all(
            self.root(other).removed is not None or self.is_apart([conflict.record], [other], PERSON)
            for other in conflict.others
        )

    def _unite(self, link: Link) -> None:
        self.clusters.union(link.first, link.second)
        if link.reason == PERSON:
            self._merged_by_hand.add(link.first)
        if link.reason != NAME:
            self.strong.union(link.first, link.second)

    def _separate(self, link: Link) -> None:
        self._apart[link.first][link.second].add(link.reason)
        self._apart[link.second][link.first].add(link.reason)


def slot(identifier: Identifier) -> Slot:
    """Return what is unique of an identifier."""
    return identifier.kind, identifier.scope, identifier.normalized


def single_values(identifiers: Iterable[Identifier]) -> dict[tuple[str, str], set[str]]:
    """Return the values by kind and scope, of the kinds of which a person has one value only."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for identifier in identifiers:
        if identifier.kind not in SEVERAL:
            values[identifier.kind, identifier.scope].add(identifier.normalized)
    return values


def agree(one: Mapping[tuple[str, str], set[str]], two: Mapping[tuple[str, str], set[str]]) -> bool:
    """Return whether identifiers, from ``single_values``, can be one person's."""
    return all(not one[kind].isdisjoint(two[kind]) for kind in one.keys() & two.keys())


def name_handle(name: str) -> str:
    """Return what is compared of a name; a name without letters and digits is compared as it is."""
    return normalize_name(name) or name.strip()
