"""Random rosters and submissions in any order: identifiers never bring two students together."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from grader.classroom.people.claims import place, take_roster
from grader.classroom.people.directory import PERSON, ROSTER, SUBMISSION, Directory
from grader.classroom.people.identity import Claim, Identifier, RosterEntry
from grader.classroom.people.name_matching import match_names

NAMES = ("Max Miller", "Max Miller", "Miller, Max", "Ida Ober", "Zoë Ann Ng", "Ann Ng Zoë")  # by student
KINDS = ("canvas", "sis", "login", "moodle", "email")

_students = st.integers(0, len(NAMES) - 1)
_kinds = st.one_of(st.sets(st.sampled_from(KINDS), min_size=1), st.just({"email"}))


def claim(student: int, kinds: set[str]) -> Claim:
    """Return a truthful claim about a student, with identifiers of these kinds."""
    ids = tuple(Identifier(kind, f"{kind}-{student}") for kind in sorted(kinds))
    return Claim(name=NAMES[student], identifiers=ids)


def students(directory: Directory, records: Sequence[int]) -> set[int]:
    """Return the students whose identifiers records have."""
    ids = (each.value for record in records for each in directory.records[record].identifiers)
    return {int(value.rpartition("-")[2]) for value in ids}


def partition(directory: Directory) -> set[frozenset[str]]:
    """Return who is one person, by identifiers, so that it can be compared with another directory's."""
    groups = (
        {each.value for record in cluster for each in record.identifiers} for cluster in directory.people()
    )
    return {frozenset(group) for group in groups if group}


def _keys(directory: Directory) -> set[tuple[str, frozenset[str]]]:
    """Return everybody's key with the identifiers."""
    return {
        (cluster[0].key, frozenset(each.value for record in cluster for each in record.identifiers))
        for cluster in directory.people()
    }


class Course(RuleBasedStateMachine):
    """Rosters and downloads of a course whose claims are true, and merges by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Directory()
        self.keys: dict[int, str] = {}
        self.runs: list[tuple[str, list[Claim]]] = []  # what was taken so far

    @rule(people=st.lists(_students, unique=True), kinds=_kinds, seed=st.randoms(use_true_random=False))
    def a_roster(self, people: list[int], kinds: set[str], seed: random.Random) -> None:
        entries = [RosterEntry(claim=claim(student, kinds)) for student in people]
        self.runs.append((ROSTER, [entry.claim for entry in entries]))
        shuffled = copy.deepcopy(self.directory)
        take_roster(self.directory, entries)
        take_roster(shuffled, seed.sample(entries, len(entries)))
        self._compare(shuffled)

    @rule(
        handed_in=st.lists(st.tuples(_students, _kinds), max_size=4), seed=st.randoms(use_true_random=False)
    )
    def a_download(self, handed_in: list[tuple[int, set[str]]], seed: random.Random) -> None:
        claims = [claim(student, kinds) for student, kinds in handed_in]
        self.runs.append((SUBMISSION, claims))
        shuffled = copy.deepcopy(self.directory)
        homes = place(self.directory, claims, SUBMISSION)
        place(shuffled, seed.sample(claims, len(claims)), SUBMISSION)
        self._compare(shuffled)
        for home, (student, _) in zip(homes, handed_in, strict=True):
            assert students(self.directory, self.directory.strongly(home)) == {student}

    @rule(student=_students)
    def a_file_that_only_a_name_tells(self, student: int) -> None:
        self.runs.append((SUBMISSION, [Claim(name=NAMES[student])]))
        (home,) = place(self.directory, self.runs[-1][1], SUBMISSION)
        match_names(self.directory)
        assert not self.directory.records[home].identifiers

    @rule(seed=st.randoms(use_true_random=False))
    def the_same_runs_in_another_order(self, seed: random.Random) -> None:
        again = Directory()
        for origin, claims in seed.sample(self.runs, len(self.runs)):
            if origin == ROSTER:
                take_roster(again, [RosterEntry(claim=claim) for claim in claims])
            else:
                place(again, claims, origin)
            match_names(again)
        assert partition(again) == partition(self.directory)

    @precondition(lambda self: len(self.directory.records) > 1)
    @rule(data=st.data())
    def a_merge_by_hand_that_is_split_again(self, data: st.DataObject) -> None:
        records = st.sampled_from(sorted(self.directory.records))
        one, two = data.draw(st.lists(records, min_size=2, max_size=2, unique=True))
        if self.directory.strong.root(one) == self.directory.strong.root(two):
            return
        before, ids = partition(self.directory), self._identifiers()
        merged = copy.deepcopy(self.directory)
        merged.merge(one, two, PERSON)
        match_names(merged)
        assert merged.root(one) is merged.root(two)
        assert merged.root(one).id == min(each.id for each in merged.cluster(one))
        merged.merges = [link for link in merged.merges if link.reason != PERSON]
        merged.refresh()
        match_names(merged)
        assert partition(merged) == before
        assert {id: list(record.identifiers) for id, record in merged.records.items()} == ids

    @invariant()
    def identifiers_bring_no_two_students_together(self) -> None:
        for records in self.directory.strong.members.values():
            assert len(students(self.directory, records)) <= 1

    @invariant()
    def a_name_brings_no_two_together_who_are_known_to_be_two(self) -> None:
        for cluster in self.directory.people():
            of_kind: dict[str, set[str]] = {}
            for record in cluster:
                for each in record.identifiers:
                    of_kind.setdefault(each.kind, set()).add(each.value)
            assert all(len(values) == 1 for kind, values in of_kind.items() if kind != "email")
            assert sum(record.on_roster for record in cluster) <= 1

    @invariant()
    def keys_are_unique_and_never_change(self) -> None:
        current = {record.id: record.key for record in self.directory.records.values()}
        assert len({key.casefold() for key in current.values()}) == len(current)
        assert all(current[id] == key for id, key in self.keys.items())
        self.keys = current

    @invariant()
    def true_claims_are_no_conflict(self) -> None:
        assert not self.directory.open_conflicts()

    @invariant()
    def matching_again_changes_nothing(self) -> None:
        again = copy.deepcopy(self.directory)
        match_names(again)
        assert again.merges == self.directory.merges

    def _compare(self, shuffled: Directory) -> None:
        match_names(self.directory)
        match_names(shuffled)
        assert partition(shuffled) == partition(self.directory)
        assert _keys(shuffled) == _keys(self.directory)

    def _identifiers(self) -> dict[int, list[Identifier]]:
        return {id: list(record.identifiers) for id, record in self.directory.records.items()}


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
