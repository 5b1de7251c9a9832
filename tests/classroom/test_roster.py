"""A roster in any of the forms that spreadsheets and learning platforms save."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.classroom.people.claims import take_roster
from grader.classroom.people.directory import Directory
from grader.classroom.people.identity import Claim, Identifier, RosterEntry
from grader.classroom.people.students import Person
from grader.classroom.rosters.roster import read_roster
from grader.classroom.storage.entries import person_of
from grader.errors import UsageError


def entries(tmp_path: Path, text: str | bytes) -> list[RosterEntry]:
    path = tmp_path / "roster.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_roster(path)


def roster(tmp_path: Path, text: str | bytes) -> list[Person]:
    directory = Directory()
    homes = take_roster(directory, entries(tmp_path, text))
    return [person_of([directory.records[home]]) for home in homes]


def identifiers(entry: RosterEntry) -> set[tuple[str, str]]:
    return {(each.kind, each.value) for each in entry.claim.identifiers}


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
    assert {p.key for p in roster(tmp_path, "name\nAda\nada\nAda\n")} == {"Ada", "Ada-2", "ada-3"}


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
    (person,) = entries(tmp_path, f'name,Last modified (submission)\nAda,"{text}"\n')
    assert person.handed_in == time


def test_a_time_that_cannot_be_read_is_kept_as_text(tmp_path: Path) -> None:
    (one, two) = entries(tmp_path, 'name,submitted\nAda,"yesterday, 10ish"\nBen,-\n')
    assert (one.unread_time, two.unread_time) == ("yesterday, 10ish", "")


def test_columns_come_from_the_header_even_where_the_first_row_is_short(tmp_path: Path) -> None:
    (one, two) = entries(tmp_path, "name,login,email\nAda\nBen,ben1,b@x.org\n")
    assert identifiers(one) == set()
    assert identifiers(two) == {("login", "ben1"), ("email", "b@x.org")}


@pytest.mark.parametrize("header", ["Student,ID,SIS User ID,SIS Login ID,Section", "Student,ID,Section"])
def test_a_canvas_gradebook_names_students_and_not_its_test_student(tmp_path: Path, header: str) -> None:
    width = header.count(",") - 2
    rows = [
        f'"Alder, Ann",1001{"," * width},S1',
        f'"Student, Test",1099{"," * width},S1',
        f"    Points Possible,{',' * width}",
    ]
    found = entries(tmp_path, "\n".join([header, *rows]))
    assert [(each.claim.name, each.is_student) for each in found] == [
        ("Alder, Ann", True),
        ("Student, Test", False),
    ]
    assert ("canvas", "1001") in identifiers(found[0])


def test_a_canvas_gradebook_with_names_in_two_columns(tmp_path: Path) -> None:
    text = "LastName,FirstName,ID,SIS User ID,SIS Login ID,Section,HW3 (555)\n    Points Possible,,,,,,10\n"
    (ann,) = entries(tmp_path, f"{text}Alder,Ann,1001,0011,aa11,S1,\n")
    assert ann.claim.name == "Ann Alder"
    assert identifiers(ann) == {("canvas", "1001"), ("sis", "0011"), ("login", "aa11")}


def test_an_id_is_that_of_canvas_only_in_a_table_of_canvas(tmp_path: Path) -> None:
    (one,) = entries(tmp_path, "Name,ID\nAda,17\n")
    assert identifiers(one) == {("student id", "17")}


@pytest.mark.parametrize(
    ("role", "is_student"),
    [
        *((role, True) for role in ("Student", "", "StudentEnrollment", "Student, Teacher", "Learner")),
        *(
            (role, False)
            for role in ("TA", "Teacher", "Non-editing teacher, Tutor", "Instructor", "OBSERVER")
        ),
        *((role, False) for role in ("TaEnrollment", "Student Assistant", "StudentViewEnrollment")),
    ],
)
def test_staff_are_no_students(tmp_path: Path, role: str, is_student: bool) -> None:
    (one,) = entries(tmp_path, f'First Name,Last Name,SID,Email,Role\nTia,Assist,7,t@x.org,"{role}"\n')
    assert one.is_student == is_student
    assert identifiers(one) == {("sis", "7"), ("email", "t@x.org")}


def test_a_worksheet_for_blind_marking_has_no_names(tmp_path: Path) -> None:
    header = "\ufeffIdentifier,Status,Grade,Maximum Grade,Last modified (submission),Last modified (grade)"
    (one,) = entries(tmp_path, f"{header}\nParticipant 101,Submitted,,10.00,-,-\n")
    assert (one.claim.name, identifiers(one)) == ("Participant 101", {("moodle", "101")})


@pytest.mark.parametrize(
    ("header", "participant"),
    [
        ("ID,Vollständiger Name,E-Mail-Adresse,Bewertung,Zuletzt geändert (Bewertung)", "Teilnehmer/in11"),
        ("Identifiant,Nom complet,Adresse de courriel,Note,Dernière modification (note)", "Participant11"),
        (
            "Identificador,Nombre completo,Dirección de correo,Calificación,"
            "Última modificación (calificación)",
            "Participante 11",
        ),
        (
            "Identificador,Nome completo,Endereço de email,Nota,Última modificação (nota)",
            "Participante 11",
        ),
    ],
)
def test_a_worksheet_of_moodle_in_another_language(tmp_path: Path, header: str, participant: str) -> None:
    (one,) = entries(tmp_path, f"{header}\n{participant},Ann Alder,a@x.org,,-\n")
    assert one.claim.name == "Ann Alder"
    assert identifiers(one) == {("moodle", "11"), ("email", "a@x.org")}


def test_a_roster_of_github_classroom_keeps_who_is_not_linked_yet(tmp_path: Path) -> None:
    text = """"identifier","github_username","github_id","name"
        "ann@uni.example","octo-ann","123",""
        "ben12","benb","124","Ben B."
        "4711","","",""
        """.replace("  ", "")
    ann, ben, none = entries(tmp_path, text)
    assert ann.claim == Claim(
        name="ann@uni.example",
        identifiers=(Identifier("github", "octo-ann", "github.com"), Identifier("email", "ann@uni.example")),
    )
    assert ben.claim.name == "Ben B."
    assert identifiers(ben) == {("github", "benb"), ("login", "ben12")}
    assert (none.claim.name, identifiers(none)) == ("4711", {("student id", "4711")})


def test_a_roster_of_classroom_50_has_github_logins(tmp_path: Path) -> None:
    header = "username,first_name,last_name,email,section,github_id"
    (one,) = entries(tmp_path, f"{header}\nocto-ann,Ann,Alder,a@x.org,Lab 1,123\n")
    assert (one.claim.name, one.section) == ("Ann Alder", "Lab 1")
    assert identifiers(one) == {("github", "octo-ann"), ("email", "a@x.org")}


def test_students_of_nbgrader_have_a_student_id(tmp_path: Path) -> None:
    (one,) = entries(tmp_path, "id,first_name,last_name,email,lms_user_id\nada1,Ada,Alder,a@x.org,\n")
    assert identifiers(one) == {("student id", "ada1"), ("email", "a@x.org")}


def test_a_person_in_two_sections_is_listed_once(tmp_path: Path) -> None:
    text = 'name,email,section\nAda Alder,a@x.org,S1\nBen,b@x.org,S1\n"Alder, Ada",A@x.org,S2\n'
    assert [(each.claim.name, each.section) for each in entries(tmp_path, text)] == [
        ("Ada Alder", "S1, S2"),
        ("Ben", "S1"),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        "Ada,1,family@x.org\nBen,2,family@x.org",  # an address that two people share
        "Max Miller,1,m@x.org\nMax Miller,2,m@x.org",  # namesakes
        "Max Miller,,n/a\nMax Miller,,N/A",  # a placeholder is no address
    ],
)
def test_rows_that_contradict_each_other_are_two_people(tmp_path: Path, rows: str) -> None:
    assert len(entries(tmp_path, f"name,sid,email\n{rows}\n")) == 2


def test_a_roster_of_nobody_is_refused(tmp_path):
    (tmp_path / "roster.csv").write_text("Name,Email\n")
    with pytest.raises(UsageError, match="no people below its header"):
        read_roster(tmp_path / "roster.csv")


@pytest.mark.parametrize("rounded", ["1.23457E+11", "1,23457E+11"])
def test_ids_that_a_spreadsheet_rounded_are_refused(tmp_path, rounded):
    (tmp_path / "roster.csv").write_text(f"Name;SIS User ID\nAnn;{rounded}\nBen;{rounded}\n")
    with pytest.raises(UsageError, match=r"the id of Ann reads .*, since a spreadsheet rounded it"):
        read_roster(tmp_path / "roster.csv")
