"""Adjustments by staff: applied with a reason, kept through regrades, and shown everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import report_samples as samples
from classes import gradebook, save_student
from report_samples import grade

from grader.classroom.people.students import Person
from grader.classroom.storage.gradebook import Gradebook, ResultInputs
from grader.cli import main
from grader.model import Grade, Verdict

ID = "forward.noise_returned"
LOST = {"verdict": Verdict.FAIL, "earned": 0.0, "credit": 0.0, "message": "It is not."}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    people = {
        "alice": Person(key="alice", name="Alice Smith", ids={"email": "as@x.edu", "canvas": "17"}),
        "albert": Person(key="albert", name="Albert Ng", ids={"canvas": "18"}),
    }
    grades = {"alice": grade(changes={ID: LOST}), "albert": grade(), "nobody": None}
    return gradebook(tmp_path / "out", grades, people)


def _run(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str) -> str:
    """Run a command on the gradebook and return its output."""
    code = main([*arguments, "--out", str(out)])
    captured = capsys.readouterr()
    assert code == (2 if captured.err else 0)
    return captured.out + captured.err


def _regrade(out: Path, key: str, new: Grade) -> None:
    with Gradebook(out) as book:
        inputs = ResultInputs(notebook="new", rubric="r", grader="g", settings="{}")
        result = book.add_result(inputs, new, [], readable=True)
        save_student(book, book.entry(key).person, label="new.ipynb", result=result)


@pytest.mark.parametrize("query", ["alice", "Alice Smith", "AS@x.edu", "17", "smith"])
def test_a_student_is_found_by_key_name_address_or_id(capsys, out, query):
    assert "Alice Smith: 96 → 98" in _run(capsys, out, "adjust", query, ID, "+2", "--because", "nearly")


def test_an_ambiguous_name_lists_the_candidates(capsys, out):
    output = _run(capsys, out, "adjust", "al", "total", "+2", "--because", "x")
    assert "matches albert (Albert Ng), alice (Alice Smith)" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody7", "total", "+1", "--because", "x"), "no student 'nobody7'"),
        (("alice", "forward.x", "+1", "--because", "x"), "not graded on 'forward.x'"),
        (("alice", ID, "+1"), "an adjustment needs a reason"),
        (("alice", ID, "2", "--because", "x"), "points must look like +2, -1.5 or =4"),
        (("alice", "total", "+" + "9" * 400, "--because", "x"), "points must look like"),
        (("alice", ID, "+nan", "--because", "x"), "points must look like"),
        (("alice", ID, "+5", "--because", "x"), "is worth 0 to 4 points, and this would make it 5"),
        (("alice", ID, "-1", "--because", "x"), "is worth 0 to 4 points"),
        (("alice", "total", "=50", "--because", "x"), "=N sets one criterion"),
        (("alice",), "give exactly one of"),
        (("alice", ID, "+1", "--excuse", "--because", "x"), "give exactly one of"),
        (("alice", ID, "--undo", "--because", "x"), "has no adjustment of"),
    ],
)
def test_an_invalid_adjustment_is_explained_and_changes_nothing(capsys, out, arguments, message):
    assert message in _run(capsys, out, "adjust", *arguments)
    assert "Final mark: 96" in _run(capsys, out, "show", "alice")


def test_reports_show_the_adjustment_with_reason_and_author(capsys, out):
    _run(capsys, out, "adjust", "alice", ID, "+2", "--because", "It <b>is</b>", "--as", "Grace")
    for page in (out / "alice.html", out / "student" / "alice.html"):
        text = page.read_text()
        assert "It &lt;b&gt;is&lt;/b&gt; (Grace, " in text
        assert "<strong>98</strong>" in text
        assert 'Judged by the grader</span> <span class="points">96' in text
    assert ">98<" in (out / "index.html").read_text()


def test_comments_excuses_and_points_without_a_submission(capsys, out):
    assert "96 → 96" in _run(capsys, out, "adjust", "alice", "--comment", "well written")
    assert "96 → excused" in _run(capsys, out, "adjust", "alice", "--excuse", "--because", "ill")
    assert "well written" in (out / "student" / "alice.html").read_text()
    assert "none → 40" in _run(capsys, out, "adjust", "nobody", "total", "+40", "--because", "on paper")


def test_undo_withdraws_the_last_adjustment_and_the_history_keeps_both(capsys, out):
    _run(capsys, out, "adjust", "alice", ID, "=3", "--because", "first", "--as", "Grace")
    _run(capsys, out, "adjust", "alice", ID, "--undo", "--because", "no", "--as", "Alan")
    shown = _run(capsys, out, "show", "alice")
    assert "Final mark: 96\n" in shown
    assert f"Grace  set {ID}: 96 → 99  (first)" in shown
    assert f"Alan  withdraw set {ID}: 99 → 96  (no)" in shown


def test_an_adjustment_survives_a_regrade_and_is_flagged_if_its_verdict_changed(capsys, out):
    _run(capsys, out, "adjust", "alice", ID, "+2", "--because", "nearly")
    _regrade(out, "alice", grade(changes={ID: LOST, "train.zero_grad": {**LOST}}))
    assert "Final mark: 96\n" in _run(capsys, out, "show", "alice")  # 100 - 4 - 2 + 2
    assert "alice" not in _run(capsys, out, "list", "--flagged")

    _regrade(out, "alice", grade())
    shown = " ".join(_run(capsys, out, "show", "alice").split())
    assert "Final mark: 100 NEEDS REVIEW +0" in shown  # the criterion is worth no more
    assert "it was fail with 0 points and is now pass with 4. Please review." in shown
    assert "alice" in _run(capsys, out, "list", "--flagged")


def test_list_shows_students_who_fail_a_criterion_and_why(capsys, out):
    listed = _run(capsys, out, "list", "--failing", ID)
    assert "alice" in listed
    assert f"{ID}: It is not." in listed
    assert "albert" not in listed
    assert "no student was graded on" in _run(capsys, out, "list", "--failing", "unet.skips")


def test_a_missing_gradebook_is_reported(capsys, tmp_path):
    assert "there is no gradebook in" in _run(capsys, tmp_path, "list")


def test_control_characters_of_students_never_reach_the_terminal(capsys, tmp_path):
    out = gradebook(tmp_path / "out", {"m": samples.hostile("\x1b[2J\x1b]0;x\x07")})
    for arguments in (("show", "m"), ("list",), ("list", "--failing", "unet")):
        assert "\x1b" not in _run(capsys, out, *arguments)


def test_the_late_penalty_follows_the_rule_unless_the_days_are_adjusted(capsys, out):
    with Gradebook(out) as book:
        book.set_setting("late", {"due": "2026-03-01T12:00:00+00:00", "per_day": 10, "grace": 0, "most": 50})
        person = book.entry("albert").person
        save_student(book, person, handed_in=datetime(2026, 3, 3, 11, tzinfo=UTC))
    shown = _run(capsys, out, "show", "albert")
    assert "Final mark: 80\n  -20  Handed in 2 days late: 20 % of the points earned are deducted." in shown
    assert "80 → 50" in _run(capsys, out, "adjust", "albert", "--days-late", "30", "--because", "x")
    assert "50 → 100" in _run(capsys, out, "adjust", "albert", "--days-late", "0", "--because", "ill")
    assert "Final mark: 96\n" in _run(capsys, out, "show", "alice")  # unknown time: no penalty


def test_undo_withdraws_points_extensions_and_excuses_by_their_names_alone(capsys, out):
    because = ("--because", "x", "--as", "Ada")
    _run(capsys, out, "adjust", "alice", "total", "+3", *because)
    _run(capsys, out, "adjust", "alice", "--comment", "well written", "--as", "Ada")
    _run(capsys, out, "adjust", "alice", "--excuse", *because)
    several = _run(capsys, out, "adjust", "alice", "--undo", *because)
    assert "alice has several kinds of adjustments; name what to undo:" in several
    for way in ("total --undo   (+3 total: x (Ada,", "excuse --undo   (excuse: x", "comment --undo"):
        assert way in several
    undone = _run(capsys, out, "adjust", "alice", "total", "--undo", *because)
    assert "Undone: +3 total: x (Ada, " in undone
    assert "excused → excused" in undone
    assert "has no adjustment of total to undo" in _run(
        capsys, out, "adjust", "alice", "total", "--undo", *because
    )
    assert "excused → 96" in _run(capsys, out, "adjust", "alice", "excuse", "--undo", *because)
    assert "Comment: well written" in _run(capsys, out, "show", "alice")


def test_undo_of_a_criterion_leaves_its_comment(capsys, out):
    _run(capsys, out, "adjust", "alice", ID, "+2", "--because", "nearly")
    _run(capsys, out, "adjust", "alice", ID, "--comment", "see page 3")
    assert "98 → 96" in _run(capsys, out, "adjust", "alice", ID, "--undo", "--because", "no")
    assert "see page 3" in _run(capsys, out, "show", "alice")
