"""The TA's word: counted last, with a reason, kept through regrades, and never silently."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import report_samples as samples
from classes import gradebook
from report_samples import grade

from grader.classroom.gradebook import Gradebook, ResultInputs
from grader.classroom.marks import LateRule
from grader.classroom.students import Person
from grader.cli import main
from grader.errors import UsageError
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


def _said(capsys: pytest.CaptureFixture[str], out: Path, *words: str) -> str:
    code = main([*words, "--out", str(out)])
    captured = capsys.readouterr()
    assert code == (2 if captured.err else 0)
    return captured.out + captured.err


def _regrade(out: Path, key: str, new: Grade) -> None:
    with Gradebook(out) as book:
        inputs = ResultInputs(notebook="new", rubric="r", grader="g", settings="{}")
        result = book.add_result(inputs, new, [], readable=True)
        book.enter(book.standing(key).person, on_roster=True, label="new.ipynb", result=result)


@pytest.mark.parametrize("who", ["alice", "Alice Smith", "AS@x.edu", "17", "smith"])
def test_a_student_is_found_by_any_name(capsys, out, who):
    assert "Alice Smith: 96 → 98" in _said(capsys, out, "adjust", who, ID, "+2", "--because", "nearly")


def test_a_name_that_fits_several_is_asked_about(capsys, out):
    said = _said(capsys, out, "adjust", "al", "total", "+2", "--because", "x")
    assert "may be albert (Albert Ng), alice (Alice Smith)" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nobody7", "total", "+1", "--because", "x"), "no student 'nobody7'"),
        (("alice", "forward.x", "+1", "--because", "x"), "not asked for a criterion 'forward.x'"),
        (("alice", ID, "+1"), "a change needs its reason"),
        (("alice", ID, "2", "--because", "x"), "points are given as +2, -1.5 or =4"),
        (("alice", ID, "+nan", "--because", "x"), "points are given as"),
        (("alice", ID, "+5", "--because", "x"), "gives 0 to 4 points, and that would make 5"),
        (("alice", ID, "-1", "--because", "x"), "gives 0 to 4 points"),
        (("alice", "total", "=50", "--because", "x"), "=N is for a criterion"),
        (("alice",), "say one thing"),
        (("alice", ID, "+1", "--excuse", "--because", "x"), "say one thing"),
        (("alice", ID, "--undo", "--because", "x"), "nothing was said about"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(capsys, out, words, sentence):
    assert sentence in _said(capsys, out, "adjust", *words)
    assert "What counts: 96" in _said(capsys, out, "show", "alice")


def test_the_report_shows_the_word_as_a_persons(capsys, out):
    _said(capsys, out, "adjust", "alice", ID, "+2", "--because", "It <b>is</b>", "--as", "Grace")
    for page in (out / "alice.html", out / "student" / "alice.html"):
        text = page.read_text()
        assert "It &lt;b&gt;is&lt;/b&gt; (Grace, " in text
        assert "<strong>98</strong>" in text
        assert 'Points from the grader</span> <span class="points">96' in text
    assert ">98<" in (out / "index.html").read_text()


def test_comments_and_excuses(capsys, out):
    assert "96 → 96" in _said(capsys, out, "adjust", "alice", "--comment", "well written")
    assert "96 → excused" in _said(capsys, out, "adjust", "alice", "--excuse", "--because", "ill")
    assert "well written" in (out / "student" / "alice.html").read_text()
    assert "none → 40" in _said(capsys, out, "adjust", "nobody", "total", "+40", "--because", "on paper")


def test_undo_takes_back_the_last_word_and_the_trail_keeps_both(capsys, out):
    _said(capsys, out, "adjust", "alice", ID, "=3", "--because", "first", "--as", "Grace")
    _said(capsys, out, "adjust", "alice", ID, "--undo", "--because", "no", "--as", "Alan")
    shown = _said(capsys, out, "show", "alice")
    assert "What counts: 96\n" in shown
    assert f"Grace  set {ID}: 96 → 99  (first)" in shown
    assert f"Alan  withdraw set {ID}: 99 → 96  (no)" in shown


def test_a_word_survives_a_regrade_and_is_flagged_where_the_verdict_under_it_changed(capsys, out):
    _said(capsys, out, "adjust", "alice", ID, "+2", "--because", "nearly")
    _regrade(out, "alice", grade(changes={ID: LOST, "train.zero_grad": {**LOST}}))
    assert "What counts: 96\n" in _said(capsys, out, "show", "alice")  # 100 - 4 - 2 + 2
    assert "alice" not in _said(capsys, out, "list", "--flagged")

    _regrade(out, "alice", grade())
    shown = " ".join(_said(capsys, out, "show", "alice").split())
    assert "What counts: 100 LOOK AGAIN +0" in shown  # no more than the criterion gives
    assert "it was fail with 0 points, and is now pass with 4; please look again" in shown
    assert "alice" in _said(capsys, out, "list", "--flagged")


def test_list_names_who_fails_a_criterion(capsys, out):
    listed = _said(capsys, out, "list", "--failing", ID)
    assert "alice" in listed
    assert f"{ID}: It is not." in listed
    assert "albert" not in listed
    assert "nobody was asked" in _said(capsys, out, "list", "--failing", "unet.skips")


def test_there_is_no_gradebook_yet(capsys, tmp_path):
    assert "there is no gradebook in" in _said(capsys, tmp_path, "list")


def test_control_characters_of_students_reach_no_terminal(capsys, tmp_path):
    out = gradebook(tmp_path / "out", {"m": samples.hostile("\x1b[2J\x1b]0;x\x07")})
    for words in (("show", "m"), ("list",), ("list", "--failing", "unet")):
        assert "\x1b" not in _said(capsys, out, *words)


@pytest.mark.parametrize(
    ("hours", "days"), [(-1, 0), (0, 0), (0.2, 0), (0.3, 1), (24, 1), (24.1, 2), (24 * 9, 9)]
)
def test_days_are_counted_as_begun_after_the_grace(hours, days):
    rule = LateRule(due=datetime(2026, 3, 1, tzinfo=UTC), grace=15)
    handed_in = datetime.fromtimestamp(rule.due.timestamp() + 3600 * hours, UTC)
    assert rule.days(handed_in) == days


def test_lateness_costs_by_the_rule_unless_a_person_says_otherwise(capsys, out):
    with Gradebook(out) as book:
        book.keep("late", {"due": "2026-03-01T12:00:00+00:00", "per_day": 10, "grace": 0, "most": 50})
        person = book.standing("albert").person
        book.enter(person, on_roster=True, handed_in=datetime(2026, 3, 3, 11, tzinfo=UTC))
    shown = _said(capsys, out, "show", "albert")
    assert "What counts: 80\n  -20  Handed in 2 days late: 20 % of the points earned." in shown
    assert "80 → 50" in _said(capsys, out, "adjust", "albert", "--days-late", "30", "--because", "x")
    assert "50 → 100" in _said(capsys, out, "adjust", "albert", "--days-late", "0", "--because", "ill")
    assert "What counts: 96\n" in _said(capsys, out, "show", "alice")  # when is not known: no penalty


@pytest.mark.parametrize(
    "settings",
    [{}, {"due": "soon"}, {"due": "2026-03-01", "per_day": "x"}, {"due": "2026-03-01", "most": 200}],
)
def test_a_late_rule_that_is_none_is_a_sentence(settings):
    with pytest.raises(UsageError, match="late"):
        LateRule.from_settings(settings)
