"""A roster in any of its forms, and whose attempts are whose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from grader.classroom.identity import Claim, identifiers_from
from grader.classroom.roster import delimiter, match, read_roster, read_text
from grader.classroom.students import Attempt, Person
from grader.errors import UsageError


def roster(tmp_path: Path, text: str | bytes) -> list[Person]:
    path = tmp_path / "roster.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_roster(path)


def attempt(
    owner: str, label: str = "hw.ipynb", ids: Mapping[str, str] | None = None, **fields: Any
) -> Attempt:
    claim = Claim(name=owner, identifiers=identifiers_from(ids or {}))
    return Attempt(members=(claim,), path=Path(label), label=label, **fields)


def matched(people: list[Person], *attempts: Attempt) -> dict[str, list[str]]:
    return {each.person.key: [a.label for a in each.attempts] for each in match(attempts, people)}


def test_names_come_from_one_column_or_two(tmp_path: Path) -> None:
    assert [p.name for p in roster(tmp_path, "Name\nAda Alder\n")] == ["Ada Alder"]
    assert [p.name for p in roster(tmp_path, "Last Name,First Name\nAlder,Ada\n")] == ["Ada Alder"]
    assert [p.name for p in roster(tmp_path, "login\nada1\n")] == ["ada1"]
    assert [p.name for p in roster(tmp_path, "Email\nada@example.org\n")] == ["ada@example.org"]


def test_every_identifier_is_kept_by_its_kind(tmp_path: Path) -> None:
    header = "Student,ID,SIS User ID,SIS Login ID,Section,Email,Identifier"
    (person,) = roster(tmp_path, f"{header}\nAlder Ada, 17 ,S-4,ada,Monday,a@b.org,Participant 99\n")
    ids = {
        "canvas": "17",
        "sis": "S-4",
        "login": "ada",
        "section": "Monday",
        "email": "a@b.org",
        "moodle": "99",
    }
    assert (person.name, person.key, dict(person.ids)) == ("Alder Ada", "ada", ids)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_roster_is_read_with_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (("name", "login"), ("Ada", "ada1")))
    assert [(p.name, p.ids) for p in roster(tmp_path, text)] == [("Ada", {"login": "ada1"})]


def test_empty_cells_are_no_identifiers(tmp_path: Path) -> None:
    (person,) = roster(tmp_path, "name,login,email\nAda,,a@b.org\n")
    assert (person.key, dict(person.ids)) == ("Ada", {"email": "a@b.org"})


def test_the_first_of_several_fitting_columns_is_used(tmp_path: Path) -> None:
    (person,) = roster(tmp_path, "username,name,login\nsecond,Ada,first\n")
    assert person.ids["login"] == "first"


def test_rows_that_name_nobody_are_left_out(tmp_path: Path) -> None:
    people = roster(tmp_path, "Student,ID\n    Points Possible,\n,\nAda,1\n")
    assert [person.name for person in people] == ["Ada"]


def test_namesakes_get_reports_of_their_own(tmp_path: Path) -> None:
    assert [p.key for p in roster(tmp_path, "name\nAda\nada\nAda\n")] == ["Ada", "ada-2", "Ada-3"]


@pytest.mark.parametrize("text", ["", "colour,size\nred,4\n"])
def test_what_is_no_roster_is_refused_with_what_is_missing(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"roster.csv is not a roster: its header needs a column named name"):
        roster(tmp_path, text)


def test_bytes_that_are_no_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"roster.csv cannot be read as a CSV file \("):
        roster(tmp_path, b'name\n\x00\r\x01,\r\r"\x02\n')


def test_a_roster_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"roster.csv cannot be read \(No such file or directory\)"):
        read_roster(tmp_path / "roster.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_any_encoding_that_spreadsheets_save_is_read(tmp_path: Path, encoding: str) -> None:
    assert [p.name for p in roster(tmp_path, "name\nZoë Ödegård\n".encode(encoding))] == ["Zoë Ödegård"]


def test_big_endian_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xfe\xff" + "name".encode("utf-16-be"))
    assert read_text(tmp_path / "a.csv") == "name"


@pytest.mark.parametrize(
    ("text", "expected"), [("a,b;c,d", ","), ("a;b;c", ";"), ("a\tb\tc", "\t"), ("a;b\n1,2,3,4", ";")]
)
def test_the_delimiter_is_read_off_the_header(text: str, expected: str) -> None:
    assert delimiter(text) == expected


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T12:00:00+00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00+09:00", datetime(2026, 3, 1, 3, tzinfo=UTC)),
        ("2026-03-01 12:00", datetime(2026, 3, 1, 12).astimezone()),
        ("Sunday, 1 March 2026, 11:05 PM", datetime(2026, 3, 1, 23, 5).astimezone()),
        ("-", None),
        ("", None),
    ],
)
def test_times_of_submission_are_read(tmp_path: Path, text: str, time: datetime | None) -> None:
    (person,) = roster(tmp_path, f'name,Last modified (submission)\nAda,"{text}"\n')
    assert person.handed_in == time


def test_an_identifier_decides_before_a_name() -> None:
    people = [Person(key="ada", name="Ada", ids={"canvas": "1"}), Person(key="bob", name="Bob")]
    assert matched(people, attempt("Bob", ids={"canvas": " 1 "})) == {"ada": ["hw.ipynb"], "bob": []}


def test_an_identifier_of_another_kind_does_not_match() -> None:
    people = [Person(key="ada", name="Ada", ids={"canvas": "1"})]
    assert matched(people, attempt("someone", ids={"moodle": "1"})) == {"ada": [], "someone": ["hw.ipynb"]}


@pytest.mark.parametrize(
    "owner", ["Zoë Ann Ng", "zoe ann ng", "ng-zoe-ann", "NgZoeAnn", "Ann_Ng_Zoë", "zoe1", "S-4"]
)
def test_a_name_is_found_in_any_order_and_spelling(owner: str) -> None:
    people = [Person(key="zoe1", name="Ng, Zoë Ann", ids={"login": "zoe1", "sis": "S-4"})]
    plain = [Person(key="zoe1", name="Zoë Ann Ng", ids={"login": "zoe1", "sis": "S-4"})]
    assert matched(plain, attempt(owner)) == {"zoe1": ["hw.ipynb"]}
    if owner != "Ann_Ng_Zoë":  # a comma says where the last name ends
        assert matched(people, attempt(owner)) == {"zoe1": ["hw.ipynb"]}


def test_a_name_that_two_people_share_matches_neither() -> None:
    people = [Person(key="a", name="Max Miller"), Person(key="b", name="Max Miller")]
    assert matched(people, attempt("Max Miller")) == {"a": [], "b": [], "Max-Miller": ["hw.ipynb"]}


def test_strangers_of_one_name_are_told_apart_by_their_identifiers() -> None:
    one, two = (
        attempt("Max", "1.ipynb", ids={"moodle": "11"}),
        attempt("Max", "2.ipynb", ids={"moodle": "12"}),
    )
    assert matched([], one, two) == {"Max-11": ["1.ipynb"], "Max-12": ["2.ipynb"]}
    assert matched([], two, one) == {"Max-12": ["2.ipynb"], "Max-11": ["1.ipynb"]}


def test_a_stranger_is_kept_with_name_and_identifiers() -> None:
    (stranger,) = match([attempt("Max Miller", ids={"moodle": "11"})], [])
    assert stranger.person == Person(key="Max-Miller", name="Max Miller", ids={"moodle": "11"})


def test_a_name_with_a_comma_is_the_last_name_first() -> None:
    people = [Person(key="ann", name="Ng Lee, Ann")]
    assert matched(people, attempt("ann ng lee")) == {"ann": ["hw.ipynb"]}
    assert matched(people, attempt("lee ann ng")) == {"ann": [], "lee-ann-ng": ["hw.ipynb"]}


def test_a_stranger_never_takes_the_report_of_somebody_on_the_roster() -> None:
    people = [Person(key="max", name="Maximilian", ids={"login": "m7"})]
    assert matched(people, attempt("Max")) == {"max": [], "Max-2": ["hw.ipynb"]}


def test_attempts_are_in_order_of_number_then_time_then_label() -> None:
    early, late = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2))
    attempts = [
        attempt("Ada", "a", number=2),
        attempt("Ada", "b", number=1, handed_in=late),
        attempt("Ada", "d", number=1, handed_in=early),
        attempt("Ada", "c", number=1),
    ]
    assert matched([Person(key="ada", name="Ada")], *attempts) == {"ada": ["c", "d", "b", "a"]}
