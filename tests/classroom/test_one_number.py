"""After an adjustment, an extension, a late penalty or an excuse, every page and file says one number."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from classes import gradebook, run, save_student, tiny_rubric, write_class
from report_page import ParsedPage, visible_text
from report_samples import grade
from test_result_schema import check

from grader.classroom.pages import classpage
from grader.classroom.storage.gradebook import Gradebook
from grader.cli import main
from grader.model import Verdict

ID = "forward.noise_returned"
LOST = {"verdict": Verdict.FAIL, "earned": 0.0, "credit": 0.0, "message": "It is not."}
BLOCKED = {"verdict": Verdict.BLOCKED, "message": "There is no sampler."}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    changes = {ID: LOST, "sample.order": BLOCKED}
    return gradebook(tmp_path / "out", {"alice": grade(changes=changes), "bob": grade(changes=changes)})


def _run(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str) -> str:
    assert main([*arguments, "--out", str(out)]) == 0
    return capsys.readouterr().out


def _text(out: Path, page: str) -> str:
    return visible_text(ParsedPage((out / page).read_text()))


def _title(out: Path, page: str) -> str:
    found = re.search(r"<title>(.*)</title>", (out / page).read_text())
    assert found
    return found[1]


def _final(out: Path, key: str) -> dict[str, object]:
    result = json.loads((out / f"{key}.json").read_text())
    return {**result["final"], "earned": result["earned"]}


def test_an_adjusted_criterion_shows_its_points_beside_the_judges(capsys, out):
    _run(capsys, out, "adjust", "alice", ID, "+3", "--because", "nearly")
    for page in ("alice.html", "student/alice.html"):
        text = _text(out, page)
        assert "Noor" not in _title(out, page)
        assert _title(out, page) == "Alice: 95 of 100 points (judged 92)"
        assert "Alice 95 of 100 points (judged 92)" in text
        assert "Exercise 1: Forward diffusion 27 / 28 (judged 24 / 28)" in text
        assert "Partial credit 3 / 4 (judged 0 / 4) The noise that was added is returned" in text
        assert "Judged by the grader 92" in text
        assert "Final mark 95" in text
    final = _final(out, "alice")
    assert (final["points"], final["judged"], final["earned"]) == (95, 92, 92)
    assert final["criteria"] == {ID: 3}
    assert "95 / 100 (judged 92)" in _run(capsys, out, "list")
    shown = " ".join(_run(capsys, out, "show", "alice").split())
    assert "95 / 100 (judged 92)" in shown
    assert "Exercise 1: Forward diffusion 27 / 28 (judged 24)" in shown
    assert "The noise that was added is returned (adjusted to 3 / 4; judged 0)" in shown
    index = _text(out, "index.html")
    assert "Alice alice 95 judged 92 27 / 28 judged 24" in index
    assert "mean 93.5 %, median 93.5 %" in index


def test_a_criterion_that_is_given_all_its_points_counts_as_earned(capsys, out):
    """Also one that the judge could not check: a person has decided it."""
    _run(capsys, out, "adjust", "alice", ID, "=4", "--because", "right")
    _run(capsys, out, "adjust", "alice", "sample.order", "=4", "--because", "right")
    text = _text(out, "alice.html")
    assert "Earned 4 / 4 (judged 0 / 4)" in text
    assert "Not checked 0" not in text
    assert "All points earned; nothing to fix." in text
    index = (out / "index.html").read_text()
    row = next(row for row in index.split("<tr ") if '<a href="alice.html">' in row)
    assert not re.search(r'class="student[^"]* c\d', row)  # the filter of those who lost points
    shown = _run(capsys, out, "show", "alice")
    assert "adjusted to 4 / 4; judged 0" in shown
    assert "alice" not in _run(capsys, out, "list", "--failing", ID)


def test_a_mistake_that_a_person_overruled_is_no_common_mistake(capsys, out):
    assert "It is not." in _text(out, "index.html")
    _run(capsys, out, "adjust", "alice", ID, "=4", "--because", "right")
    assert "It is not." not in _text(out, "index.html")


def test_a_late_penalty_changes_the_total_and_no_exercise(capsys, out):
    with Gradebook(out) as book:
        book.set_setting("late", {"due": "2026-03-01T12:00:00+00:00", "per_day": 10, "grace": 0, "most": 50})
        person = book.entry("alice").person
        save_student(book, person, handed_in=datetime(2026, 3, 2, 11, tzinfo=UTC))
        classpage.write_page(book, out)
    _run(capsys, out, "adjust", "alice", "--comment", "well written")
    assert _title(out, "alice.html") == "Alice: 82.8 of 100 points (judged 92)"
    assert "Exercise 1: Forward diffusion 24 / 28 Exercise 2" in _text(out, "alice.html")
    assert (_final(out, "alice")["points"], _final(out, "alice")["late_penalty"]) == (82.8, 9.2)
    assert "82.8 / 100 (judged 92)" in _run(capsys, out, "list")
    assert "82.8 judged 92 24 / 28 " in _text(out, "index.html")


def test_an_excused_student_has_no_points_anywhere(capsys, out):
    _run(capsys, out, "adjust", "alice", "--excuse", "--because", "ill")
    assert _title(out, "alice.html") == "Alice: excused (judged 92 of 100 points)"
    assert "Alice excused (judged 92 of 100 points)" in _text(out, "student/alice.html")
    assert _final(out, "alice")["points"] is None
    assert "excused (judged 92 / 100)" in _run(capsys, out, "list")
    assert "excused (judged 92 / 100)" in _run(capsys, out, "show", "alice")
    assert "mean 92.0 %" in _text(out, "index.html")


def test_nothing_says_judged_where_the_mark_is_the_judges(capsys, out):
    _run(capsys, out, "adjust", "alice", "--comment", "well written")
    assert "(judged" not in _text(out, "alice.html")
    assert "Judged by the grader" not in _text(out, "alice.html")
    assert "well written" in _text(out, "alice.html")
    assert "judged" not in _run(capsys, out, "list")
    assert " judged 92" not in _text(out, "index.html")
    assert _final(out, "alice")["points"] == 92


def test_a_class_run_prints_the_mark_that_counts(tmp_path):
    out, rubric = tmp_path / "out", tiny_rubric(tmp_path / "rubric")
    folder = write_class(tmp_path / "class", ada=41, ben=42)
    run(out, folder, "--rubric", rubric, "-q")
    assert run(out, "adjust", "ada", "answer.right", "+3", "--because", "nearly").code == 0
    again = run(out, folder, "--rubric", rubric, "-q")
    assert re.search(r"ada +5 / 10 \(judged 2\)\n", again.out)
    assert re.search(r"ben +10 / 10\n", again.out)
    lines = [json.loads(line) for line in run(out, folder, "--rubric", rubric, "--json").out.splitlines()]
    assert [line["final"]["points"] for line in lines] == [5, 10]
    check(json.loads((out / "ada.json").read_text()))
