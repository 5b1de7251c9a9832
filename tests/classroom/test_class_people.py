"""Who is who over several runs of the installed command: later rosters, namesakes, groups, merges, splits."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from classes import gradebook_rows, notebook, run, tiny_rubric, write_class

GRADED, NOT_GRADED, MISUSE = 0, 1, 2
CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,HW3 (555)
    Points Possible,,,,,10
"Alder, Ann",1001,0011,aa11,S1,
"Birch, Ben",1002,0012,bb12,S1,
"Student, Test",1099,,abcdef0123,S1,
"""
MOODLE = "Identifier,Full name,Email address,Grade,Last modified (submission),Last modified (grade)\n"
MAX = ("Participant 11,Max Miller,11@uni.example,,-,-\n", "Participant 12,Max Miller,12@uni.example,,-,-\n")
IDA = "Participant 13,Ida Ober,13@uni.example,,-,-\n"


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    return tiny_rubric(tmp_path / "tiny")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def points(out: Path) -> dict[str, str]:
    """Return everybody's points in the CSV export, by key."""
    return {row["student"]: row["points"] for row in exported(out)}


def exported(out: Path) -> list[dict[str, str]]:
    ran = run(out, "export", "--format", "csv")
    return list(csv.DictReader(io.StringIO(ran.out)))


def moodle(folder: Path, **answers: object) -> Path:
    """Write a Moodle download: answers by the participants' numbers, as in ``p11``."""
    names = {"p11": "Max Miller", "p12": "Max Miller", "p13": "Ida Ober"}
    for number, answer in answers.items():
        place = folder / f"{names[number]}_{number[1:]}_assignsubmission_file_"
        notebook(place / "hw.ipynb", f"answer = {answer}")
    return folder


def test_a_roster_that_comes_later_keeps_everybody_once_and_exports_the_newest_grade(tmp_path, rubric, out):
    first, second = tmp_path / "canvas", tmp_path / "canvas2"
    notebook(first / "alderann_1001_5001_hw.ipynb", "answer = 1")
    notebook(first / "birchben_1002_5002_hw.ipynb", "answer = 2")
    run(out, first, "--rubric", rubric)
    notebook(second / "alderann_1001_6001_hw-1.ipynb", "answer = 42")
    roster = write(tmp_path / "grades.csv", CANVAS)
    assert run(out, second, "--roster", roster, "--rubric", rubric).code == GRADED
    assert points(out) == {"alderann": "10.0", "birchben": "2.0"}
    filled = run(out, "export", "--format", "canvas", "--theirs", roster, "--assignment", "HW3")
    assert '"Alder, Ann",1001,0011,aa11,S1,10\n"Birch, Ben",1002,0012,bb12,S1,2\n' in filled.out
    assert "Alder, Ann" in (out / "alderann.html").read_text()


def test_a_regrade_of_one_student_without_a_roster_meets_the_same_person(tmp_path, rubric, out):
    roster = write(tmp_path / "grades.csv", CANVAS)
    folder = tmp_path / "canvas"
    notebook(folder / "alderann_1001_5001_hw.ipynb", "answer = 1")
    run(out, folder, "--roster", roster, "--rubric", rubric)
    run(out, "adjust", "aa11", "total", "+3", "--because", "nice")
    notebook(folder / "alderann_1001_5001_hw.ipynb", "answer = 42")
    ran = run(out, folder, "--rubric", rubric)
    assert "the roster of an earlier run still counts (grades.csv, 3 rows)" in ran.err
    assert points(out) == {"aa11": "13.0", "bb12": ""}


@pytest.mark.parametrize("rows", [MAX, MAX[::-1]])
def test_a_roster_in_another_order_swaps_no_namesakes(tmp_path, rubric, out, rows):
    roster = write(tmp_path / "ws.csv", MOODLE + "".join(MAX) + IDA)
    run(out, moodle(tmp_path / "week1", p11=42, p13=1), "--roster", roster, "--rubric", rubric)
    run(out, "adjust", "11@uni.example", "total", "+5", "--because", "nice")
    write(roster, MOODLE + IDA + "".join(rows))
    run(out, moodle(tmp_path / "week2", p12=1, p11=42), "--roster", roster, "--rubric", rubric)
    assert points(out) == {"Max-Miller-11": "15.0", "Max-Miller-12": "2.0", "Ida-Ober": "2.0"}


def test_a_later_download_with_a_namesake_swaps_nobody(tmp_path, rubric, out):
    run(out, moodle(tmp_path / "week1", p12=42), "--rubric", rubric)
    run(out, "adjust", "12", "total", "+5", "--because", "nice")
    run(out, moodle(tmp_path / "week2", p11=1, p12=42), "--rubric", rubric)
    assert points(out) == {"Max-Miller": "15.0", "Max-Miller-11": "2.0"}


def test_a_match_by_name_that_ends_takes_grade_and_adjustment_back(tmp_path, rubric, out):
    roster = write(tmp_path / "r.csv", "name,login\nMax Miller,mm1\n")
    ran = run(out, moodle(tmp_path / "week1", p11=42), "--roster", roster, "--rubric", rubric)
    assert "1 match by name alone" in ran.err
    assert "Matched by name only" in (out / "index.html").read_text()
    run(out, "adjust", "11", "answer.right", "=7", "--because", "strict")
    run(out, "adjust", "mm1", "--comment", "welcome")
    assert points(out) == {"mm1": "9.0"}
    ran = run(out, moodle(tmp_path / "week2", p12=1), "--rubric", rubric)
    assert "no longer matched by name" in ran.err
    assert points(out) == {"mm1": "", "Max-Miller": "9.0", "Max-Miller-12": "2.0"}
    assert not (out / "mm1.html").exists()
    assert (out / "student" / "Max-Miller.html").exists()


def test_a_later_roster_without_a_name_leaves_the_name(tmp_path, rubric, out):
    named = write(tmp_path / "canvas.csv", 'name,email,login\n"Dogwood, Dan",dan@uni.example,dd1\n')
    run(out, write_class(tmp_path / "class", dd1=42), "--roster", named, "--rubric", rubric)
    linked = "identifier,github_username,github_id,name\ndan@uni.example,octo-dan,7,\n"
    again = write(tmp_path / "classroom_roster.csv", linked)
    run(out, tmp_path / "class", "--roster", again, "--rubric", rubric)
    listed = run(out, "list").out
    assert "Dogwood, Dan" in listed
    assert listed.count("10 / 10") == 1
    assert "octo-dan" in run(out, "people").out


def gradescope(folder: Path, answer: object = 42) -> Path:
    notebook(folder / "submission_101" / "hw.ipynb", f"answer = {answer}")
    (folder / "submission_metadata.yml").write_text(
        "submission_101:\n  :submitters:\n"
        "  - :name: Ann Alder\n    :sid: '0011'\n    :email: ann@uni.example\n"
        "  - :name: Ben Birch\n    :sid: '0012'\n    :email: ben@uni.example\n"
        "  :created_at: 2026-03-01 20:00:00.0 Z\n"
    )
    return folder


def test_every_member_of_a_group_has_the_grade_and_a_report_and_staff_are_not_missing(tmp_path, rubric, out):
    roster = write(
        tmp_path / "roster.csv",
        "First Name,Last Name,SID,Email,Role\nAnn,Alder,0011,ann@uni.example,Student\n"
        "Ben,Birch,0012,ben@uni.example,Student\nTia,Assist,,tia@uni.example,TA\n",
    )
    ran = run(out, gradescope(tmp_path / "export"), "--roster", roster, "--rubric", rubric)
    assert ran.code == GRADED
    assert points(out) == {"Ann-Alder": "10.0", "Ben-Birch": "10.0"}
    assert (out / "student" / "Ben-Birch.html").exists()
    assert "Tia" not in (out / "index.html").read_text()
    assert gradebook_rows(out, "SELECT * FROM alike") == []

    said = run(out, "adjust", "ben@uni.example", "total", "+1", "--group", "--because", "well divided").out
    assert said == "Ann Alder: 10 → 11\nBen Birch: 10 → 11\n"
    run(out, "adjust", "Ann-Alder", "total", "+1", "--because", "her part")
    assert points(out) == {"Ann-Alder": "12.0", "Ben-Birch": "11.0"}
    run(out, "adjust", "Ann-Alder", "--undo", "--because", "x")
    said = run(out, "adjust", "Ann-Alder", "--undo", "--because", "x").out
    assert said.startswith("Undone: +1 total of the group: well divided (")
    assert said.endswith(")\nAnn Alder: 11 → 10\nBen Birch: 11 → 10\n")
    assert points(out) == {"Ann-Alder": "10.0", "Ben-Birch": "10.0"}


def test_an_adjustment_of_a_group_is_undone_for_all_after_its_members_have_parted(tmp_path, rubric, out):
    run(out, gradescope(tmp_path / "export"), "--rubric", rubric)
    run(out, "adjust", "Ben-Birch", "total", "+2", "--group", "--because", "well divided")
    own = notebook(tmp_path / "later" / "submission_102" / "hw.ipynb", "answer = 42").parent.parent
    write(
        own / "submission_metadata.yml", "submission_102:\n  :submitters:\n  - :sid: '0012'\n    :name: Ben\n"
    )
    run(out, own, "--rubric", rubric)
    assert points(out) == {"Ann-Alder": "12.0", "Ben-Birch": "12.0"}
    ran = run(out, "adjust", "Ann-Alder", "--undo", "--because", "it was not")
    assert ran.out.startswith("Undone: +2 total of the group: well divided (")
    assert ran.out.endswith(")\nAnn Alder: 12 → 10\nBen Birch: 12 → 10\n")
    assert points(out) == {"Ann-Alder": "10.0", "Ben-Birch": "10.0"}


def test_an_adjustment_of_a_group_counts_once_for_members_who_are_one_person(tmp_path, rubric, out):
    run(out, gradescope(tmp_path / "export"), "--rubric", rubric)
    run(out, "adjust", "Ben-Birch", "total", "+2", "--group", "--because", "well divided")
    run(out, "people", "merge", "Ann-Alder", "Ben-Birch", "--because", "two accounts of one student")
    assert points(out) == {"Ann-Alder": "12.0"}
    run(out, "adjust", "Ann-Alder", "--undo", "--because", "it was not")
    assert points(out) == {"Ann-Alder": "10.0"}


def test_the_summary_of_a_student_has_the_students_name(tmp_path, rubric, out):
    """Equal notebooks share a result, which was made under another's name."""
    run(out, gradescope(tmp_path / "export"), "--rubric", rubric)
    shown = run(out, "show", "Ben-Birch").out
    assert "Ben Birch   " in shown
    assert "Ann" not in shown


def test_teams_whose_folders_name_no_member_are_the_members_of_the_worksheet_and_never_one(
    tmp_path, rubric, out
):
    """The number 0 is nobody's: two teams that have it are two."""
    folder = tmp_path / "m"
    notebook(folder / "Team Red_0_assignsubmission_file_" / "hw.ipynb", "answer = 42")
    notebook(folder / "Team Blue_0_assignsubmission_file_" / "hw.ipynb", "answer = 1")
    ran = run(out, folder, "--rubric", rubric)
    assert points(out) == {"Team-Red": "10.0", "Team-Blue": "2.0"}
    assert "Team Red, and nothing says who is in it" in ran.err

    with_roster = tmp_path / "with roster"
    header = MOODLE.replace("Grade,", "Group,Grade,")
    rows = [
        "Participant 11,Max Miller,11@uni.example,Team Red,,-,-\n",
        "Participant 12,Max Miller,12@uni.example,Team Blue,,-,-\n",
        "Participant 13,Ida Ober,13@uni.example,Team Red,,-,-\n",
    ]
    worksheet = write(tmp_path / "ws.csv", header + "".join(rows))
    ran = run(with_roster, folder, "--rubric", rubric, "--roster", worksheet)
    assert "nothing says" not in ran.err
    assert points(with_roster) == {"Max-Miller-11": "10.0", "Max-Miller-12": "2.0", "Ida-Ober": "10.0"}
    said = run(with_roster, "adjust", "13", "total", "-1", "--group", "--because", "late by hand").out
    assert said == "Ida Ober: 10 → 9\nMax Miller: 10 → 9\n"


def test_staff_who_hand_something_in_are_graded(tmp_path, rubric, out):
    roster = write(
        tmp_path / "r.csv", "name,email,role\nAnn Alder,ann@uni.example,TA\nIda,ida@uni.example,Student\n"
    )
    run(out, gradescope(tmp_path / "export"), "--roster", roster, "--rubric", rubric)
    assert points(out)["Ann-Alder"] == "10.0"
    people = {each["student"]: each for each in json.loads(run(out, "people", "--json").out)["people"]}
    assert people["Ann-Alder"]["state"] == ["not a student"]


def test_merge_split_and_undo_move_grades_adjustments_and_reports_and_bring_them_back(tmp_path, rubric, out):
    run(out, moodle(tmp_path / "week1", p13=42), "--rubric", rubric)
    notebook(tmp_path / "canvas" / "oberida_7_1_hw.ipynb", "answer = 1")
    run(out, tmp_path / "canvas", "--rubric", rubric)
    assert points(out) == {"Ida-Ober": "2.0"}  # matched by the name
    run(out, "people", "split", "oberida", "--because", "two students")
    run(out, "adjust", "Ida-Ober", "total", "+1", "--because", "a")
    run(out, "adjust", "oberida", "total", "+2", "--because", "b")
    apart = {"Ida-Ober": "11.0", "oberida": "4.0"}
    assert points(out) == apart
    ran = run(out, "people", "merge", "oberida", "13", "--because", "one card")
    assert "is one person with" in ran.out
    assert points(out) == {"Ida-Ober": "5.0"}  # the newest hand-in, and both adjustments
    assert not (out / "oberida.html").exists()
    assert run(out, "show", "oberida").out.startswith("Ida Ober (Ida-Ober)")
    run(out, "people", "split", "oberida", "--because", "no")
    assert points(out) == apart
    assert (out / "oberida.html").exists()
    run(out, "people", "undo", "--because", "yes")
    assert points(out) == {"Ida-Ober": "5.0"}
    run(out, tmp_path / "canvas", "--rubric", rubric)
    assert points(out) == {"Ida-Ober": "5.0"}
    run(out, "people", "remove", "Ida-Ober", "--because", "left")
    assert points(out) == {}
    assert "was removed from the class" in run(out, tmp_path / "canvas", "--rubric", rubric).err
    assert points(out) == {}
    run(out, "people", "undo", "--because", "is back")
    assert points(out) == {"Ida-Ober": "5.0"}


def test_claims_that_contradict_each_other_are_shown_until_somebody_settles_them(tmp_path, rubric, out):
    roster = write(tmp_path / "r.csv", "name,login\nAnn Alder,x\nBen Birch,x\n")
    notebook(tmp_path / "class" / "a.ipynb", "answer = 42")
    notebook(tmp_path / "class" / "b.ipynb", "answer = 1")
    ran = run(out, tmp_path / "class", "--roster", roster, "--rubric", rubric)
    assert ran.code == NOT_GRADED
    assert "The roster gives the login x to Ann Alder" in ran.err
    assert "The roster gives the login x to Ann Alder" in (out / "index.html").read_text()
    assert run(out, "people").code == NOT_GRADED
    write(roster, "name,login\nAnn Alder,x\nBen Birch,y\n")
    assert run(out, tmp_path / "class", "--roster", roster, "--rubric", rubric).code == GRADED
    assert run(out, "people").code == GRADED


def test_a_single_notebook_touches_no_gradebook_unless_it_is_for_somebody(tmp_path, rubric, out):
    run(out, moodle(tmp_path / "week1", p11=1, p12=2, p13=3), "--rubric", rubric)
    mailed = notebook(tmp_path / "mail.ipynb", "answer = 42")
    before = points(out)
    assert run(out, mailed, "--rubric", rubric).code == GRADED
    assert points(out) == before
    assert run(out, mailed, "--rubric", rubric, "--for", "Max Miller").code == MISUSE
    assert "matches Max-Miller-11" in run(out, mailed, "--rubric", rubric, "--for", "Max Miller").err
    assert run(out, mailed, "--rubric", rubric, "--for", "12").code == GRADED
    assert points(out) == {**before, "Max-Miller-12": "10.0"}
    run(out, tmp_path / "week1", "--rubric", rubric)
    assert points(out)["Max-Miller-12"] == "10.0"  # it outlives a run that finds nothing newer
    own = notebook(tmp_path / "Ida-Ober.ipynb", "answer = 42")
    ran = run(out, own, "--rubric", rubric)
    assert ran.code == MISUSE
    assert "give --for Ida-Ober" in ran.err
    assert points(out)["Ida-Ober"] == "2.0"
