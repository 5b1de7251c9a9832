"""Whose mark goes into which row of another system's table, and what is shown before it is written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from classes import run, tiny_rubric, write_class
from exported import write_marks

from grader.classroom.people.identity import Identifier
from grader.classroom.people.students import Person
from grader.cli import main

ANN = Person(key="ann", name="Ann Alder", ids={"canvas": "1001", "sis": "0011", "login": "aa11"})
BEN = Person(key="ben", name="Birch, Ben", ids={"canvas": "1002", "email": "ben@x.org", "moodle": "12"})
CAT = Person(key="cat", name="Cat Cedar")
HEADER = "Student,ID,SIS User ID,SIS Login ID,Section,HW (55)"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class") / "out"
    return write_marks(folder, {"ann": 90, "ben": 80, "cat": 70}, [ANN, BEN, CAT])


Ran = tuple[int, bytes, str]


@pytest.fixture
def fill(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Return a function that fills in a table and returns exit code, table and what is said."""

    def run(out: Path, system: str, theirs: str | bytes, *options: str) -> Ran:
        table, target = tmp_path / "theirs.csv", tmp_path / "filled.csv"
        table.write_bytes(theirs if isinstance(theirs, bytes) else theirs.encode())
        target.unlink(missing_ok=True)
        capsys.readouterr()
        code = main(
            [
                *("export", "--format", system, "--theirs", str(table), "--out", str(out)),
                *("--to", str(target), *options),
                *(["--assignment", "HW"] if system == "canvas" else []),
            ]
        )
        data = target.read_bytes() if target.exists() else b""
        return code, data, capsys.readouterr().err

    return run


def marks(data: bytes, delimiter: str = ",") -> dict[str, str]:
    """Return the last cell of each row by its first."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter)
    return {row[0]: row[-1] for row in rows}


def test_what_changes_is_shown_row_by_row(out, fill):
    rows = '"Alder, Ann",1001,,,S1,9\nBen,1002,,,S1,"80,00"\nEva,1005,,,S1,7\n'
    code, data, said = fill(out, "canvas", f"{HEADER}\n    Points Possible,,,,,100\n{rows}")
    assert (code, marks(data)["Alder, Ann"], marks(data)["Eva"]) == (0, "90", "7")
    assert said.splitlines()[:4] == [
        "  student     old    new  matched by",
        "  Alder, Ann  9      90   Canvas id 1001",
        "  Ben         80,00  80   Canvas id 1002",
        "  1 of 2 rows change",
    ]
    assert "but not graded here: Eva" in said
    assert "graded, but not in" in said.splitlines()[-2]


def test_a_dry_run_shows_the_same_and_writes_nothing(out, fill):
    table = f"{HEADER}\nAnn,1001,,,S1,\n"
    _, _, said = fill(out, "canvas", table)
    code, data, dry = fill(out, "canvas", table, "--dry-run")
    assert (code, data) == (0, b"")
    assert dry == f"{said}grade: nothing was written (--dry-run)\n"


def test_long_lists_are_shortened_only_where_nothing_changes(tmp_path, fill):
    people = [Person(key=f"p{n}", name=f"P {n}", ids={"canvas": str(n)}) for n in range(1, 41)]
    out = write_marks(tmp_path / "out", {person.key: 50 for person in people}, people)
    rows = "".join(f"P {n},{n},,,S1,{50 if n <= 20 else ''}\n" for n in range(1, 41))
    _, _, said = fill(out, "canvas", f"{HEADER}\n{rows}")
    lines = said.splitlines()
    assert [f"P {n}" for n in range(21, 41)] == [each[2:6].strip() for each in lines if "  -    50" in each]
    assert "  … and 15 more without a change" in lines
    assert "  20 of 40 rows change" in lines


def test_rows_known_by_name_only_wait_to_be_confirmed(out, fill):
    table = f'{HEADER}\n"Cedar, Cat",,,,S1,5\nAnn,1001,,,S1,\n'
    code, data, said = fill(out, "canvas", table)
    assert (code, marks(data)["Cedar, Cat"], marks(data)["Ann"]) == (0, "5", "90")
    assert "matched by name only, and left out: Cedar, Cat = cat (70); compare them" in said
    _, data, said = fill(out, "canvas", table, "--confirm-names")
    assert marks(data)["Cedar, Cat"] == "70"
    assert "left out" not in said


def test_a_name_that_several_people_share_decides_nothing(tmp_path, fill):
    twins = [Person(key="max", name="Max Miller"), Person(key="max-2", name="Miller, Max")]
    out = write_marks(tmp_path / "out", {"max": 10, "max-2": 20}, twins)
    _, data, _ = fill(out, "canvas", f"{HEADER}\nMax Miller,7,,,S1,3\n", "--confirm-names")
    assert marks(data)["Max Miller"] == "3"
    out = write_marks(tmp_path / "one", {"max": 10}, twins[:1])
    rows = "Max Miller,7,,,S1,3\nMax Miller,8,,,S1,4\n"
    _, data, _ = fill(out, "canvas", f"{HEADER}\n{rows}", "--confirm-names")
    assert data.decode().splitlines()[1:] == ["Max Miller,7,,,S1,3", "Max Miller,8,,,S1,4"]


def test_a_namesake_with_another_identifier_gets_nothing(out, fill):
    _, data, said = fill(out, "canvas", f"{HEADER}\nAnn Alder,2001,,,S1,3\n", "--confirm-names")
    assert marks(data)["Ann Alder"] == "3"
    assert "Ann Alder (the name is that of ann (Ann Alder), but the row has the Canvas id 2001" in said


def test_a_row_that_contradicts_itself_is_left_alone(out, fill):
    """The login is Ann's, the SIS id somebody else's: perhaps the login was given away."""
    _, data, said = fill(out, "canvas", f"{HEADER}\nAnn Alder,,0099,aa11,S1,3\n")
    assert marks(data)["Ann Alder"] == "3"
    assert "login aa11 is that of ann (Ann Alder), but the row has the SIS id 0099, and not 0011" in said


@pytest.mark.parametrize("system", ["canvas", "moodle", "nbgrader", "gradescope"])
def test_two_students_with_one_identifier_are_refused(tmp_path, capsys, system):
    ids = {"login": "aa11", "email": "a@x.org"}
    elsewhere = tuple(Identifier(kind, value, "elsewhere") for kind, value in ids.items())
    people = [
        Person(key="ann", name="Ann Alder", ids=ids),
        Person(key="ben", name="Ben Birch", identifiers=elsewhere),
    ]
    out = write_marks(tmp_path / "out", {"ann": 90, "ben": 80}, people)
    theirs = {
        "canvas": f"{HEADER}\nAnn,,,aa11,S1,\n",
        "moodle": "Identifier,Email address,Grade,Last modified (grade)\nParticipant 1,a@x.org,,-\n",
    }
    (tmp_path / "theirs.csv").write_text(theirs.get(system, ""))
    options = ["--theirs", str(tmp_path / "theirs.csv"), "--assignment", "HW"] if system in theirs else []
    for chosen in [options, []] if system == "canvas" else [options]:
        target = tmp_path / "target"
        command = ["export", "--format", system, "--out", str(out), "--to", str(target), *chosen]
        assert main([*command, "--confirm-names"]) == 2
        said = capsys.readouterr().err
        assert "ann (Ann Alder) and ben (Ben Birch) have the same" in said
        assert not target.exists()


def test_two_rows_with_one_identifier_are_refused_unless_they_are_one_person(out, fill):
    code, data, said = fill(out, "canvas", f"{HEADER}\nAnn Alder,1001,,,S1,\nZoe,1001,,,S1,\n")
    assert (code, data) == (2, b"")
    assert "the rows of Ann Alder and Zoe have the same Canvas id 1001" in said
    code, data, _ = fill(out, "canvas", f'{HEADER}\nAnn Alder,1001,,,S1,\n"Alder, Ann",1001,,,S2,\n')
    assert [line.rpartition(",")[2] for line in data.decode().splitlines()[1:]] == ["90", "90"]


def test_a_row_with_the_identifiers_of_two_students_is_refused(tmp_path, fill):
    out = write_marks(tmp_path / "out", {"ann": 90, "ben": 80}, [ANN, BEN])
    code, data, said = fill(out, "canvas", f"{HEADER}\nAnn,1002,,aa11,S1,\n")
    assert (code, data) == (2, b"")
    assert "has identifiers of two students, ben (Birch, Ben) and ann (Ann Alder)" in said


def test_placeholders_are_no_identifiers(tmp_path, fill):
    people = [Person(key="ann", name="Ann", ids={"sis": "n/a"}), Person(key="ben", name="Ben")]
    out = write_marks(tmp_path / "out", {"ann": 90, "ben": 80}, people)
    code, data, _ = fill(out, "canvas", f"{HEADER}\nZoe,7,n/a,-,S1,3\nEva,8,n/a,-,S1,4\n")
    assert (code, marks(data)["Zoe"], marks(data)["Eva"]) == (0, "3", "4")


@pytest.mark.parametrize("old", ["5", "EX", "-", ""])
def test_without_a_mark_of_ours_theirs_stays(tmp_path, fill, old):
    out = write_marks(tmp_path / "out", {"ann": None}, [ANN])
    _, data, _ = fill(out, "canvas", f"{HEADER}\nAnn,1001,,,S1,{old}\n")
    assert marks(data)["Ann"] == old


@pytest.mark.parametrize(
    ("header", "cells", "delimiter"),
    [
        ("LastName,FirstName,ID,SIS User ID,SIS Login ID,Section,HW (55)", "Alder,Ann,1001,,,S1,", ","),
        ("sep=;\r\nStudent;ID;Section;HW (55)", "Alder, Ann;1001;S1;", ";"),
        ("\ufeffStudent,ID,SIS Login ID,Integration ID,Section,Notes,HW (55)", "Ann,1001,,x,S1,n,", ","),
        ('Student,ID,Section,"HW\n(55)",HW2 (56)', "Ann,1001,S1,,3", ","),
    ],
)
def test_any_form_of_canvas_gradebook_is_filled_in(out, fill, header, cells, delimiter):
    code, data, _ = fill(out, "canvas", f"{header}\n{cells}\n")
    assert code == 0
    _, row = csv.reader(io.StringIO(data.decode()), delimiter=delimiter)
    assert row[-1] == "90"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Student Name,Student ID,Student SIS ID,Section Name,HW", "is not a Canvas gradebook"),
        ("Student,ID,Section,HW (55),HW (77)", "has no column 'HW', or several; choose with --assignment"),
        ("First Name,Last Name,SID,Email,HW", "is not a Canvas gradebook"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_with_a_sentence(out, fill, header, reason):
    code, data, said = fill(out, "canvas", f"{header}\nAnn,1001,S1,,\n".replace(",,\n", "\n"))
    assert (code, data) == (2, b"")
    assert reason in said


def test_a_column_that_is_read_only_in_canvas_is_refused(out, fill):
    code, _, said = fill(out, "canvas", f"{HEADER}\n    Points Possible,,,,,(read only)\nAnn,1001,,,S1,\n")
    assert code == 2
    assert "the column 'HW (55)' of" in said


def test_other_points_possible_are_said_and_scaled_on_request(out, fill):
    table = f"{HEADER}\n    Points Possible,,,,,20\nAnn,1001,,,S1,\n"
    _, data, said = fill(out, "canvas", table)
    assert marks(data)["Ann"] == "90"
    assert "in Canvas the assignment has 20 points, the homework has 100: points are sent as they are" in said
    _, data, said = fill(out, "canvas", table, "--scale")
    assert marks(data)["Ann"] == "18"
    assert "scaled from 100 to 20 points: 1 student" in said


MOODLE = {
    "en": ("Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)", "Feedback comments"),
    "de": (
        *("ID", "Vollständiger Name", "Bewertung", "Bestwertung", "Zuletzt geändert (Bewertung)"),
        "Feedback als Kommentar",
    ),
    "fr": (
        *("Identifiant", "Nom complet", "Note", "Note maximale", "Dernière modification (note)"),
        "Feedback par commentaires",
    ),
}


@pytest.mark.parametrize("language", MOODLE)
def test_a_worksheet_of_moodle_in_the_language_of_the_site(out, fill, language):
    header = ",".join(MOODLE[language])
    code, data, said = fill(out, "moodle", f"{header}\nTeilnehmer/in12,Ben B.,75,100.00,-,\n")
    assert code == 0
    _, row = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert (row[2], row[5][:16]) == ("80", "Points: 80 / 100")
    assert "Ben B.   75   80   Moodle participant number 12" in said


def test_a_worksheet_for_blind_marking_is_filled_in_by_number(out, fill):
    table = "Identifier,Status,Grade,Last modified (grade)\nParticipant 12,-,,-\nParticipant 13,-,,-\n"
    _, data, said = fill(out, "moodle", table)
    assert [row.split(",")[2] for row in data.decode("utf-8-sig").splitlines()[1:]] == ["80", ""]
    assert "Participant 13: in the worksheet, but not graded here" in said


def test_an_address_in_canvas_s_column_of_logins_is_an_address(tmp_path, fill):
    """As after a class on GitHub, whose roster knows students by their addresses only."""
    people = [Person(key="octo", name="octo", ids={"email": "Ann@x.org", "github": "octo"})]
    out = write_marks(tmp_path / "out", {"octo": 90}, people)
    _, data, said = fill(out, "canvas", f"{HEADER}\nAnn Alder,1,,ann@x.org,S1,\n")
    assert marks(data)["Ann Alder"] == "90"
    assert "e-mail address ann@x.org" in said


def test_a_hand_in_that_only_a_name_connects_with_its_student_waits_to_be_confirmed(tmp_path):
    """The row's identifier is the student's; that the file is the student's, only its name says."""
    files = write_class(tmp_path / "class", **{"Ann Alder": 42})
    roster = tmp_path / "canvas.csv"
    roster.write_text(f"{HEADER}\n    Points Possible,,,,,10\nAnn Alder,1001,0011,aa11,S1,\n")
    out = tmp_path / "out"
    run(out, files, "--rubric", tiny_rubric(tmp_path / "tiny"), "--roster", roster, "--quiet")
    export = ["export", "--format", "canvas", "--theirs", roster, "--assignment", "HW"]
    waiting, confirmed = run(out, *export), run(out, *export, "--confirm-names")
    assert (marks(waiting.out.encode())["Ann Alder"], waiting.code) == ("", 0)
    assert "left out: Ann Alder = aa11 (10)" in waiting.err
    assert marks(confirmed.out.encode())["Ann Alder"] == "10"
    assert "Ann Alder  -    10   Canvas id 1001, file by name" in confirmed.err
