"""Criteria that a person grades: provisional until then, and open again where an answer changes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from classes import grade_here, gradebook_rows, run  # noqa: F401  the fixture `grade`
from conftest import Command, Ran
from person_rubric import essay, person_rubric
from test_result_schema import check

from grader.classroom.answers import answers_to_grade, grade_answer
from grader.classroom.marks import NewAdjustment
from grader.classroom.storage.gradebook import Gradebook
from grader.errors import UsageError


@pytest.fixture
def graded(grade: Command, tmp_path: Path) -> Ran:
    """A class of two, graded by the rubric in ``tmp_path / "rubric"``."""
    essay(tmp_path / "class" / "alice.ipynb", "Nobody knows the *question*.")
    essay(tmp_path / "class" / "bob.ipynb", "It is in the book.", source="answer = 41")
    return grade(tmp_path / "class", "--rubric", person_rubric(tmp_path / "rubric"), "--jobs", "1")


def _again(graded: Ran, *arguments: str | Path) -> Ran:
    return run(graded.reports, *arguments)


def _criteria(ran: Ran, name: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in ran.grade(name)["criteria"]}


def test_until_someone_has_graded_them_they_are_open_and_the_grade_is_provisional(graded: Ran) -> None:
    result = graded.grade("alice")
    assert graded.code == 1
    assert (result["earned"], result["possible"], result["provisional"]) == (10, 16, True)
    row = _criteria(graded, "alice")["essay.why"]
    assert (row["verdict"], row["earned"], row["judged_by"]) == ("open", 0, "person")
    check({key: value for key, value in result.items() if key != "final"})
    page = graded.page("alice")
    assert "Not graded yet" in page
    assert "6 points are not graded yet." in page
    assert "6 points undecided" in page
    assert "– / 4" in page
    assert "0 / 4" not in page
    assert "Says that the question is unknown" not in page  # it would give the answer away
    assert "Answers to grade" in (graded.reports / "index.html").read_text()


def test_the_answer_is_shown_with_its_picture(graded: Ran) -> None:
    page = graded.page("alice")
    assert "Nobody knows the <em>question</em>." in page
    assert 'src="data:image/png;base64,' in page
    shown = _again(graded, "show", "alice", "essay.why")
    assert "| Nobody knows the *question*." in shown.out
    assert "question            3  Says that the question is unknown" in shown.out
    assert "> [image: see the report]" in _again(graded, "show", "alice", "plot.axes").out


def test_a_person_grades_by_items_or_by_points(graded: Ran) -> None:
    ran = _again(graded, "adjust", "alice", "essay.why", "--items", "question", "--because", "Good start.")
    assert (ran.code, ran.out) == (0, "alice: 10 → 13\n"), ran.err
    result = graded.grade("alice")
    assert (result["earned"], result["final"]["points"], result["provisional"]) == (13, 13, True)
    row = _criteria(graded, "alice")["essay.why"]
    assert (row["verdict"], row["credit"], row["earned"]) == ("fail", 0.75, 3)
    assert [(item["id"], item["earned"]) for item in row["items"]] == [("question", True), ("mice", False)]
    assert "Mentions the mice" in graded.page("alice")
    assert "Good start." in graded.page("alice")
    _again(graded, "adjust", "alice", "plot.axes", "=1.5")
    result = graded.grade("alice")
    assert (result["earned"], result["final"]["points"], result["provisional"]) == (14.5, 14.5, False)
    check({key: value for key, value in result.items() if key != "final"})
    assert "PROVISIONAL" not in _again(graded, "list").out.splitlines()[0]
    assert "PROVISIONAL" in _again(graded, "list").out.splitlines()[1]


def test_no_item_at_all_is_a_verdict_too(graded: Ran) -> None:
    _again(graded, "adjust", "alice", "essay.why", "--items", "none")
    row = _criteria(graded, "alice")["essay.why"]
    assert (row["verdict"], row["earned"]) == ("fail", 0)


def test_an_undone_verdict_leaves_the_one_before_and_then_none(graded: Ran) -> None:
    for items in ("question", "question,mice"):
        _again(graded, "adjust", "alice", "essay.why", "--items", items)
    assert _criteria(graded, "alice")["essay.why"]["earned"] == 4
    undone = _again(graded, "adjust", "alice", "essay.why", "--undo", "--because", "wrong one")
    assert "Undone: question,mice essay.why" in undone.out
    assert _criteria(graded, "alice")["essay.why"]["earned"] == 3
    _again(graded, "adjust", "alice", "essay.why", "--undo", "--because", "wrong one")
    assert _criteria(graded, "alice")["essay.why"]["verdict"] == "open"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("essay.why", "--items", "mouse"), "essay.why has no item mouse; its items are question, mice"),
        (("plot.axes", "--items", "axes"), "plot.axes has no item axes; its items are none: give points"),
        (("essay.why", "=5"), "essay.why is worth 0 to 4 points, not 5"),
        (("essay.why", "+1", "--because", "x"), "essay.why is not graded yet: give --items or =POINTS"),
        (("answer.right", "--items", "x"), "is not for a person to grade; that is essay.why, plot.axes"),
        (("essay.why", "=1", "--items", "mice"), "give either --items or points"),
        (("essay.why", "--items", " , "), "--items names the rubric items earned, or none"),
        (("--items", "mice"), "to grade an answer, name the criterion"),
        (("essay.why", "=1", "--note", "copied?"), "and nothing else"),
        (("essay.why", "--items", "mice", "--confirm"), "and nothing else"),
        (
            ("--confirm", "--because", "x"),
            "nobody has graded essay.why, plot.axes of alice yet; do that first",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(graded: Ran, arguments: tuple[str, ...], says: str) -> None:
    ran = _again(graded, "adjust", "alice", *arguments)
    assert ran.code == 2
    assert says in ran.err
    assert _criteria(graded, "alice")["essay.why"]["verdict"] == "open"


def test_verdicts_outlive_a_regrade_and_nothing_is_asked_again(graded: Ran, tmp_path: Path) -> None:
    """A result that only waits for a person is as good as any other."""
    _again(graded, "adjust", "alice", "essay.why", "--items", "question")
    again = _again(graded, tmp_path / "class", "--rubric", tmp_path / "rubric", "--jobs", "1")
    assert "2 of 2 results are in the gradebook" in again.err
    assert _criteria(graded, "alice")["essay.why"]["earned"] == 3
    _again(graded, tmp_path / "class", "--rubric", tmp_path / "rubric", "--jobs", "1", "--fresh")
    assert _criteria(graded, "alice")["essay.why"]["earned"] == 3


def test_another_answer_has_to_be_graded_again(graded: Ran, tmp_path: Path) -> None:
    _again(graded, "adjust", "alice", "essay.why", "--items", "question")
    _again(graded, "adjust", "alice", "plot.axes", "=2")
    essay(tmp_path / "class" / "alice.ipynb", "The mice know.")
    _again(graded, tmp_path / "class", "--rubric", tmp_path / "rubric", "--jobs", "1")
    result = graded.grade("alice")
    rows = _criteria(graded, "alice")
    assert (rows["essay.why"]["verdict"], rows["plot.axes"]["earned"]) == ("open", 2)
    assert (result["final"]["points"], result["provisional"]) == (12, True)
    assert "has to grade this again" in graded.page("alice")
    assert "NEEDS REVIEW" in _again(graded, "list").out
    essay(tmp_path / "class" / "alice.ipynb", "Nobody knows the *question*.")
    _again(graded, tmp_path / "class", "--rubric", tmp_path / "rubric", "--jobs", "1")
    assert _criteria(graded, "alice")["essay.why"]["earned"] == 3


def test_a_confirmed_grade_waits_again_when_the_verdict_on_an_answer_is_undone(graded: Ran) -> None:
    """Nobody's answer ever counts as none because a grade was confirmed for another reason."""
    _again(graded, "adjust", "alice", "essay.why", "--items", "question")
    _again(graded, "adjust", "alice", "plot.axes", "=2")
    with Gradebook(graded.reports) as book:
        asked = NewAdjustment(kind="confirm", criterion="total", points=0.0, because="read", who="ta")
        book.adjust("alice", asked)
    _again(graded, "adjust", "alice", "essay.why", "--undo", "--because", "wrong one")
    assert graded.grade("alice")["provisional"]
    assert "alice" in _again(graded, "list", "--provisional").out


def test_points_of_items_are_those_of_the_present_rubric(graded: Ran, tmp_path: Path) -> None:
    _again(graded, "adjust", "alice", "essay.why", "--items", "question")
    rules = tmp_path / "rubric" / "rubric.toml"
    rules.write_text(
        rules.read_text().replace("points = 3", "points = 2").replace("points = 1\n", "points = 2\n")
    )
    again = _again(graded, tmp_path / "class", "--rubric", tmp_path / "rubric", "--jobs", "1")
    assert "2 of 2 results are in the gradebook" in again.err
    assert _criteria(graded, "alice")["essay.why"]["earned"] == 2
    rules.write_text(rules.read_text().replace('"question"', '"unknown"'))
    _again(graded, tmp_path / "class", "--rubric", tmp_path / "rubric", "--jobs", "1")
    assert _criteria(graded, "alice")["essay.why"]["verdict"] == "open"  # an item awarded is gone


def test_a_verdict_holds_for_everybody_who_handed_the_answer_in(grade: Command, tmp_path: Path) -> None:
    essay(tmp_path / "class" / "submission_101" / "hw.ipynb", "Because.")
    (tmp_path / "class" / "submission_metadata.yml").write_text(
        "submission_101:\n  :submitters:\n  - :name: Ann Alder\n    :sid: '0011'\n"
        "  - :name: Ben Birch\n    :sid: '0012'\n"
    )
    ran = grade(tmp_path / "class", "--rubric", person_rubric(tmp_path / "rubric"), "--jobs", "1")
    said = _again(ran, "adjust", "Ben-Birch", "essay.why", "--items", "question").out
    assert said == "Ann Alder: 10 → 13\nBen Birch: 10 → 13\n"
    said = _again(ran, "adjust", "Ann-Alder", "essay.why", "--undo", "--because", "slip").out
    assert said.endswith("\nAnn Alder: 13 → 10\nBen Birch: 13 → 10\n")


def test_exports_hold_an_ungraded_student_back(graded: Ran) -> None:
    _again(graded, "adjust", "bob", "essay.why", "--items", "question,mice")
    _again(graded, "adjust", "bob", "plot.axes", "=2")
    rows = {
        row["student"]: row
        for row in csv.DictReader(io.StringIO(_again(graded, "export", "--format", "csv").out))
    }
    assert (rows["alice"]["points"], rows["alice"]["state"], rows["alice"]["essay.why"]) == (
        "",
        "provisional",
        "",
    )
    assert (rows["bob"]["points"], rows["bob"]["state"], rows["bob"]["essay.why"]) == ("8.0", "graded", "4")
    ran = _again(graded, "export", "--format", "gradescope", "--with-provisional")
    assert ran.code == 0
    tests = json.loads((graded.reports / "gradescope" / "alice" / "results.json").read_text())["tests"]
    assert "status" not in next(test for test in tests if "essay.why" in test["tags"])
    junit = _again(graded, "export", "--format", "junit").out
    assert 'skipped="2"' in junit


def test_an_answer_whose_place_is_missing_is_for_a_person_all_the_same(
    grade: Command, tmp_path: Path
) -> None:
    essay(tmp_path / "a.ipynb", "Because.", metadata={})
    ran = grade(tmp_path / "a.ipynb", "--rubric", person_rubric(tmp_path / "rubric"))
    assert ran.code == 1
    row = _criteria(ran, "a")["plot.axes"]
    assert row["verdict"] == "open"
    assert "No answer was found in the cells with the id or tag “plot”" in row["message"]
    assert row["answer"] == ran.grade("a")["submission"]["sha256"]
    assert "(2)   NOT GRADED YET: The axes are labelled" in ran.out


def test_two_graders_cannot_miss_a_changed_answer(graded: Ran) -> None:
    with Gradebook(graded.reports) as book:
        first, *_ = answers_to_grade(book, "essay.why")
        assert (first.key, first.is_open, first.answer is not None) == ("alice", True, True)
        with pytest.raises(UsageError, match="another answer meanwhile"):
            grade_answer(book, "alice", "essay.why", who="ta", points=1, answer="0" * 64)
        grade_answer(book, "alice", "essay.why", who="ta", points=1, answer=first.result.answer)
        assert [each.key for each in answers_to_grade(book, "essay.why")] == ["bob"]
    assert len(gradebook_rows(graded.reports, "SELECT * FROM adjustment")) == 1


def test_a_check_for_what_a_person_grades_is_refused(grade: Command, tmp_path: Path) -> None:
    folder = person_rubric(tmp_path / "rubric")
    with (folder / "check_answer.py").open("a") as checks:
        checks.write('\n@criterion("essay.why")\ndef check_why(judge):\n    """Why."""\n')
    ran = grade(essay(tmp_path / "a.ipynb", "Because."), "--rubric", folder)
    assert ran.code == 2
    assert "belongs to essay.why, which a person judges" in ran.err


def test_hostile_answers_stay_text(grade: Command, tmp_path: Path) -> None:
    text = "</details><script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))"
    path = essay(
        tmp_path / "a.ipynb", text, outputs=[{"output_type": "stream", "text": "<script>x</script>"}]
    )
    page = grade(path, "--rubric", person_rubric(tmp_path / "rubric")).page("a")
    assert "<script>" not in page
    assert "onerror=alert" not in page.replace("&lt;img src=x onerror=alert(1)&gt;", "")
