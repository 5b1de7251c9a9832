"""Nobody is listed twice because of an old roster or a team's name, and nobody is removed in silence."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from classes import notebook
from stub_judge import one_criterion_rubric, run_here

WORKSHEET = """Identifier,Full name,Email address,Status,Group,Grade,Last modified (grade)
Participant 10,Ann Alder,aa@uni.example,Submitted,Team Red,,-
Participant 11,Ben Birch,bb@uni.example,Submitted,Team Red,,-
"""


@pytest.fixture
def rubric(tmp_path: Path) -> Path:
    return one_criterion_rubric(tmp_path / "tiny")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _points(out: Path) -> dict[str, str]:
    table = run_here(out, "export", "--format", "csv").out
    return {row["student"]: row["points"] for row in csv.DictReader(io.StringIO(table))}


def test_rows_without_ids_are_nobody_once_a_roster_with_ids_has_their_names(tmp_path, rubric, out):
    notebook(tmp_path / "class" / "Ann Alder" / "hw.ipynb", "answer = 5")
    names = _write(tmp_path / "names.csv", "Name\nAnn Alder\nMax Miller\nMax Miller\nIda Ober\n")
    run_here(out, tmp_path / "class", "--roster", names, "--rubric", rubric)
    assert len(_points(out)) == 4
    ids = "Name,Login\nAnn Alder,aa1\nMax Miller,mm1\nMax Miller,mm2\n"
    roster = _write(tmp_path / "ids.csv", ids)
    run_here(out, tmp_path / "class", "--roster", roster, "--rubric", rubric)
    assert set(_points(out)) == {
        "Ann-Alder",
        "mm1",
        "mm2",
        "Ida-Ober",
    }  # Ida may be missing from it by mistake
    listed = json.loads(run_here(out, "people", "--json").out)["people"]
    assert [person["name"] for person in listed].count("Max Miller") == 2
    assert (out / "index.html").read_text().count("Max Miller (mm") == 2


def test_a_row_with_an_adjustment_stays_listed_when_another_roster_replaces_it(tmp_path, rubric, out):
    notebook(tmp_path / "class" / "Ann Alder" / "hw.ipynb", "answer = 5")
    names = _write(tmp_path / "names.csv", "Name\nMax Miller\nMax Miller\n")
    run_here(out, tmp_path / "class", "--roster", names, "--rubric", rubric)
    run_here(out, "adjust", "Max-Miller", "total", "+3", "--because", "on paper")
    roster = _write(tmp_path / "ids.csv", "Name,Login\nMax Miller,mm1\nMax Miller,mm2\n")
    run_here(out, tmp_path / "class", "--roster", roster, "--rubric", rubric)
    assert _points(out) == {"Ann-Alder": "5.0", "Max-Miller": "3.0", "mm1": "", "mm2": ""}


def test_a_team_is_nobody_once_its_members_are_known_and_they_have_what_it_was_given(tmp_path, rubric, out):
    notebook(tmp_path / "class" / "Team Red_0_assignsubmission_file_" / "hw.ipynb", "answer = 5")
    notebook(tmp_path / "class" / "Cat Cedar_12_assignsubmission_file_" / "hw.ipynb", "answer = 7")
    run_here(out, tmp_path / "class", "--rubric", rubric)
    run_here(out, "adjust", "Team-Red", "total", "+2", "--because", "well divided")
    assert _points(out) == {"Team-Red": "7.0", "Cat-Cedar": "7.0"}
    roster = _write(tmp_path / "worksheet.csv", WORKSHEET)
    ran = run_here(out, tmp_path / "class", "--roster", roster, "--rubric", rubric)
    assert ran.code == 0
    assert _points(out) == {"Ann-Alder": "7.0", "Ben-Birch": "7.0", "Cat-Cedar": "7.0"}
    assert not (out / "Team-Red.html").exists()
    assert "None" not in run_here(out, "show", "Ann Alder").out
    run_here(out, "adjust", "Ann Alder", "total", "--undo", "--because", "by mistake")
    assert _points(out) == {"Ann-Alder": "5.0", "Ben-Birch": "5.0", "Cat-Cedar": "7.0"}


def test_who_was_removed_is_listed_with_the_reason_until_that_is_undone(tmp_path, rubric, out):
    for name in ("Ann Alder", "Ben Birch"):
        notebook(tmp_path / "class" / name / "hw.ipynb", "answer = 5")
    run_here(out, tmp_path / "class", "--rubric", rubric)
    run_here(out, "people", "remove", "Ben-Birch", "--because", "left the course")
    assert set(_points(out)) == {"Ann-Alder"}
    for text in (run_here(out, "people").out, (out / "index.html").read_text()):
        assert "Ben Birch (Ben-Birch) was removed from the class (" in text
        assert "left the course" in text
    (removed,) = json.loads(run_here(out, "people", "--json").out)["removed"]
    assert (removed["student"], removed["because"]) == ("Ben-Birch", "left the course")
    run_here(out, "people", "undo", "--because", "came back")
    assert "removed" not in run_here(out, "people").out
    assert "was removed" not in (out / "index.html").read_text()
    assert set(_points(out)) == {"Ann-Alder", "Ben-Birch"}


def test_the_history_says_whom_a_record_was_merged_with(tmp_path, rubric, out):
    for name in ("Ann Alder", "Ben Birch"):
        notebook(tmp_path / "class" / name / "hw.ipynb", "answer = 5")
    run_here(out, tmp_path / "class", "--rubric", rubric)
    run_here(out, "people", "merge", "Ann-Alder", "Ben-Birch", "--because", "one student")
    run_here(out, "people", "undo", "--because", "two")
    text = run_here(out, "show", "Ann-Alder").out
    assert "merged with Ben-Birch  (one student)" in text
    assert "undo merge  (two)" in text
    assert "nothing →" not in text.replace("nothing → 5", "")
