"""Who is who: claims of rosters and submissions find their person in any order, and never another."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from classes import placed, save_student

from grader.classroom.people.claims import place
from grader.classroom.people.directory import NAME, PERSON, SUBMISSION, Directory
from grader.classroom.people.identity import Claim, Identifier, RosterEntry, identifiers_from
from grader.classroom.people.lookup import find_student
from grader.classroom.people.name_matching import match_names
from grader.classroom.people.students import Attempt, Person
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.stored_attempts import StoredAttempt, current_attempts
from grader.errors import UsageError


def claim(name: str, **ids: str) -> Claim:
    return Claim(name=name, identifiers=tuple(Identifier(kind, value) for kind, value in ids.items()))


def row(name: str, **ids: str) -> RosterEntry:
    return RosterEntry(claim=claim(name, **ids))


def attempt(name: str, label: str = "hw.ipynb", **ids: str) -> Attempt:
    return Attempt(members=(claim(name, **ids),), path=Path(label), label=label)


def merges(directory: Directory) -> list[str]:
    return [link.reason for link in directory.merges]


def test_an_identifier_decides_before_a_name() -> None:
    people = [row("Ada Alder", canvas="1", login="ada"), row("Bob Birch", login="bob")]
    found = placed(Directory(), people, attempt("Bob Birch", canvas=" 1 "))
    assert found == {"ada": ["hw.ipynb"], "bob": []}


def test_an_identifier_of_another_kind_or_scope_does_not_match() -> None:
    people = [row("Ada Alder", canvas="1")]
    found = placed(Directory(), people, attempt("someone", moodle="1"))
    assert found == {"Ada-Alder": [], "someone": ["hw.ipynb"]}
    scoped = Claim(name="else", identifiers=(Identifier("canvas", "1", "another.example"),))
    directory = Directory()
    assert len(set(place(directory, [people[0].claim, scoped], SUBMISSION))) == 2


@pytest.mark.parametrize(
    "owner", ["Zoë Ann Ng", "zoe ann ng", "ng-zoe-ann", "NgZoeAnn", "Ann_Ng_Zoë", "zoe1", "S-4", "z.ng"]
)
def test_a_file_is_matched_by_name_in_any_order_and_spelling_or_by_a_login(owner: str) -> None:
    ids = {"login": "zoe1", "sis": "S-4", "email": "z.ng@uni.example"}
    for name in ("Ng, Zoë Ann", "Zoë Ann Ng"):
        if "," in name and owner == "Ann_Ng_Zoë":  # a comma says where the last name ends
            continue
        directory = Directory()
        assert placed(directory, [row(name, **ids)], attempt(owner)) == {"zoe1": ["hw.ipynb"]}
        assert merges(directory) == [NAME]


def test_empty_cells_of_a_roster_are_no_identifiers() -> None:
    assert identifiers_from({"login": " ", "sis": "", "email": "ann@x.edu"}) == (
        Identifier("email", "ann@x.edu"),
    )


def test_a_name_that_begins_with_another_persons_is_not_that_persons(tmp_path: Path) -> None:
    with Gradebook(tmp_path, create=True) as book:
        for name in ("Ann Al", "Ann Alder"):
            save_student(book, Person(key=name.replace(" ", "-"), name=name))
        assert find_student(book, "Ann Al") == "Ann-Al"
        with pytest.raises(UsageError, match=r"matches Ann-Al .* Ann-Alder"):
            find_student(book, "Ann")


def test_a_name_that_two_people_share_matches_neither() -> None:
    people = [row("Max Miller", login="a"), row("Max Miller", login="b")]
    assert placed(Directory(), people, attempt("Max Miller")) == {
        "a": [],
        "b": [],
        "Max-Miller": ["hw.ipynb"],
    }


def test_strangers_of_one_name_are_told_apart_by_their_identifiers_in_any_order() -> None:
    handed_in = [attempt("Max", "1.ipynb", moodle="11"), attempt("Max", "2.ipynb", moodle="12")]
    for order in permutations(handed_in):
        assert placed(Directory(), None, *order) == {"Max-11": ["1.ipynb"], "Max-12": ["2.ipynb"]}


def test_a_name_with_a_comma_is_the_last_name_first() -> None:
    people = [row("Ng Lee, Ann", login="ann")]
    assert placed(Directory(), people, attempt("ann ng lee")) == {"ann": ["hw.ipynb"]}
    assert placed(Directory(), people, attempt("lee ann ng")) == {"ann": [], "lee-ann-ng": ["hw.ipynb"]}


def test_a_stranger_never_takes_the_report_of_somebody_on_the_roster() -> None:
    people = [row("Maximilian", login="max"), row("Max Moor", login="max2")]
    found = placed(Directory(), people, attempt("MAX", moodle="5"))
    assert found == {"max": [], "max2": [], "MAX-5": ["hw.ipynb"]}


def test_a_roster_that_comes_later_meets_the_same_people() -> None:
    directory = Directory()
    first = placed(directory, None, attempt("alderann", canvas="1001"), attempt("birchben", canvas="1002"))
    assert set(first) == {"alderann", "birchben"}
    roster = [row("Alder, Ann", canvas="1001", login="aa11"), row("Birch, Ben", canvas="1002", login="bb12")]
    later = placed(directory, roster, attempt("alderann", "again", canvas="1001"))
    assert later == {"alderann": ["again"], "birchben": []}
    assert [directory.records[1].name, directory.records[2].name] == ["Alder, Ann", "Birch, Ben"]


def test_a_roster_with_fewer_columns_or_rows_meets_the_same_people() -> None:
    directory = Directory()
    placed(directory, [row("Ann Alder", sis="1", login="aa"), row("Ben Birch", sis="2", login="bb")])
    placed(directory, [row("aa", login="aa")])
    assert len(directory.people()) == 2
    assert not directory.open_conflicts()
    assert [record.on_roster for record in directory.records.values()] == [True, False]
    placed(directory, [row("Ben Birch"), row("Ann Alder")])
    assert {records[0].key for records in directory.people()} == {"aa", "bb"}


def test_downloads_of_two_platforms_are_one_person_where_a_name_tells() -> None:
    directory = Directory()
    people = [row("Ann Alder", sis="1", login="aa"), row("Ben Birch", sis="2", login="bb")]
    placed(directory, people, attempt("alderann", canvas="7"))
    found = placed(directory, None, attempt("Ann Alder", "m.ipynb", moodle="9"))
    assert found == {"aa": ["m.ipynb"], "bb": []}


def test_a_match_by_name_ends_when_a_namesake_appears_and_takes_back_what_it_brought() -> None:
    directory = Directory()
    people = [row("Max Miller", sis="1", login="mm1")]
    assert placed(directory, people, attempt("Max Miller", "a", moodle="11")) == {"mm1": ["a"]}
    found = placed(directory, None, attempt("Max Miller", "b", moodle="12"))
    assert found == {"mm1": [], "Max-Miller": [], "Max-Miller-12": ["b"]}
    assert merges(directory) == []
    assert [i.kind for i in directory.records[1].identifiers] == ["sis", "login"]
    again = placed(directory, None, attempt("Max Miller", "c", moodle="11"))
    assert again["Max-Miller"] == ["c"]


def test_a_match_by_name_that_a_person_confirmed_stays_when_a_namesake_appears() -> None:
    directory = Directory()
    placed(directory, [row("Max Miller", sis="1", login="mm1")], attempt("Max Miller", moodle="11"))
    directory.merge(1, 2, PERSON)
    found = placed(
        directory, None, attempt("Max Miller", "a", moodle="11"), attempt("Max Miller", "b", moodle="12")
    )
    assert found["mm1"] == ["a"]
    assert merges(directory) == [PERSON]


def test_records_that_one_row_names_are_merged_and_keep_the_oldest_key() -> None:
    directory = Directory()
    placed(directory, None, attempt("a", canvas="1"), attempt("b", "2", moodle="5"))
    found = placed(directory, [row("Ann Alder", canvas="1", moodle="5")])
    assert list(found) == ["a"]
    assert merges(directory) == ["identifier"]
    directory.merges.clear()
    directory.refresh()
    assert {records[0].key for records in directory.people()} == {"a", "b"}


def test_rows_of_one_name_with_nothing_else_are_as_many_people_and_a_conflict() -> None:
    directory = Directory()
    rows = [row("Max Miller"), row("Max Miller"), row("Ida Ober")]
    found = placed(directory, rows, attempt("max-miller"))
    assert len(found) == 4
    assert "2 rows named Max Miller" in directory.open_conflicts()[0].sentence
    placed(directory, rows)
    assert len(directory.records) == 4
    placed(directory, [row("Max Miller", login="m1"), row("Max Miller", login="m2")])
    assert not directory.open_conflicts()


def test_a_conflict_is_kept_until_somebody_decides(tmp_path: Path) -> None:
    """Also by a run that takes no roster."""
    with Gradebook(tmp_path, create=True) as book:
        with book.transaction(), book.editing() as directory:
            placed(directory, [row("Max Miller"), row("Max Miller")])
        with book.transaction(), book.editing() as directory:
            placed(directory, None, attempt("Ida Ober"))
    with Gradebook(tmp_path) as book:
        listed = {entry.person.name: entry.conflicts for entry in book.entries()}
    assert not listed["Ida Ober"]
    assert "2 rows named Max Miller" in listed["Max Miller"][0]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (row("Ann Alder", email="x@uni", sis="1"), row("Ben Birch", email="x@uni", sis="2")),
        (row("Ann Alder", login="x"), row("Ben Birch", login="x")),
    ],
)
def test_an_identifier_that_a_roster_gives_to_two_people_is_nobodys(
    one: RosterEntry, two: RosterEntry
) -> None:
    (shared,) = {i for i in one.claim.identifiers if i in two.claim.identifiers}
    handed_in = Attempt(members=(Claim(name="x", identifiers=(shared,)),), path=Path("x"), label="x")
    found = []
    for rows in ([one, two], [two, one]):
        directory = Directory()
        found.append(placed(directory, rows, handed_in))
        assert len(directory.people()) == 3
        (conflict,) = directory.open_conflicts()
        assert "Ann Alder" in conflict.sentence
        assert "Ben Birch" in conflict.sentence
    assert found[0] == found[1]
    assert [key for key, labels in found[0].items() if labels] == ["x"]


def test_a_later_roster_that_gives_an_identifier_to_somebody_else_is_a_conflict() -> None:
    directory = Directory()
    placed(directory, [row("Ann Alder", login="x", sis="1")])
    placed(directory, [row("Ben Birch", login="x", sis="2")])
    assert len(directory.people()) == 2
    assert len(directory.open_conflicts()) == 1
    directory.keep_apart(1, 2, PERSON)  # a person says that they are two
    assert not directory.open_conflicts()
    directory.apart.clear()
    directory.refresh()
    placed(directory, [row("Ann Alder", login="x", sis="1"), row("Ben Birch", sis="2")])
    assert not directory.open_conflicts()  # the roster was corrected


@pytest.mark.parametrize("with_owner", [True, False])
@pytest.mark.parametrize(("name", "foreign"), [("Ann Alder", "bb"), ("Cat Cedar", "aa")])
def test_a_row_that_contradicts_others_is_not_matched_by_name_until_it_is_corrected(
    name: str, foreign: str, with_owner: bool
) -> None:
    directory = Directory()
    people = [row("Ann Alder", login="aa"), row("Ben Birch", login="bb")]
    handed_in = (attempt("Cat Cedar", sis="3"), attempt("Ann Alder", sis="4"))
    placed(directory, people, *handed_in)
    rows = [*(people if with_owner else []), row(name, login=foreign, **{"student id": "77"})]
    placed(directory, rows)
    (odd,) = (each for each in directory.records.values() if any(i.value == "77" for i in each.identifiers))
    assert len(directory.cluster(odd.id)) == 1
    assert len(directory.open_conflicts()) == 1
    if with_owner:  # who has had the login before keeps it
        assert [records[0].key for records in directory.people() if records[0].on_roster][:2] == ["aa", "bb"]
    placed(directory, [*people, row(name, **{"student id": "77"})])
    assert not directory.open_conflicts()
    assert odd.on_roster


def test_a_submission_with_identifiers_of_two_people_stays_on_its_own() -> None:
    directory = Directory()
    people = [row("Ann Alder", email="a@uni", sis="1"), row("Ben Birch", email="b@uni", sis="2")]
    odd = attempt("somebody", sis="1", email="b@uni")
    assert placed(directory, people, odd)["somebody"] == ["hw.ipynb"]
    assert placed(directory, people, odd)["somebody"] == ["hw.ipynb"]
    assert len(directory.records) == 3
    (conflict,) = directory.open_conflicts()
    directory.merge(conflict.record, 1, PERSON)
    assert not directory.open_conflicts()
    assert placed(directory, people, odd)["Ann-Alder"] == ["hw.ipynb"]
    assert not directory.open_conflicts()


def test_a_key_is_never_given_twice_also_not_after_a_removal() -> None:
    directory = Directory()
    placed(directory, [row("Max Miller", login="max")])
    directory.records[1].removed = "today by hand"
    found = placed(directory, None, attempt("Max", moodle="3"))
    assert list(found) == ["Max-3"]


def test_every_member_of_a_group_has_the_attempt() -> None:
    members = (claim("Ann Alder", sis="1"), claim("Ben Birch", sis="2"))
    group = Attempt(members=members, path=Path("hw"), label="hw", group="red")
    assert placed(Directory(), None, group) == {"Ann-Alder": ["hw"], "Ben-Birch": ["hw"]}


def stored(label: str, **fields: Any) -> StoredAttempt:
    return StoredAttempt(
        **{"person": 1, "run": 1, "first_run": 1, "notebook": label, "label": label, **fields}
    )


def test_attempts_are_in_order_of_number_then_time_then_label() -> None:
    early, late = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2))
    attempts = [
        stored("a", number=2),
        stored("b", number=1, handed_in=late),
        stored("d", number=1, handed_in=early),
        stored("c", number=1),
    ]
    assert [each.label for each in current_attempts(attempts)] == ["c", "d", "b", "a"]


def test_an_attempt_entered_by_hand_counts_until_something_newer_is_handed_in() -> None:
    by_hand = stored("mail", run=2, entered="today")
    old, again = stored("old"), stored("old", run=3)
    assert [each.label for each in current_attempts([old, by_hand])] == ["old", "mail"]
    assert [each.label for each in current_attempts([again, by_hand])] == ["old", "mail"]
    newer = stored("new", run=3, first_run=3)
    assert [each.label for each in current_attempts([again, newer, by_hand])] == ["mail", "new", "old"]


def test_a_folder_that_is_named_after_a_login_is_a_match_by_name_also_if_it_is_an_identifier() -> None:
    directory = Directory()
    found = placed(directory, [row("Ann Alder", login="aa11")], attempt("aa11", **{"student id": "aa11"}))
    assert found == {"aa11": ["hw.ipynb"]}
    assert merges(directory) == [NAME]


def test_a_login_that_is_an_address_is_one() -> None:
    directory = Directory()
    placed(directory, [row("Ann Alder", login="ann@uni.example", sis="1")])
    assert placed(directory, None, attempt("ann", email="Ann@uni.example"))["ann@uni.example"] == ["hw.ipynb"]
    assert merges(directory) == []


def test_matching_names_twice_changes_nothing() -> None:
    directory = Directory()
    placed(directory, [row("Ann Alder", sis="1")], attempt("ann-alder"), attempt("alder ann", "b"))
    before = list(directory.merges)
    match_names(directory)
    assert directory.merges == before
