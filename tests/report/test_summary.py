"""What the terminal shows of a grade."""

from __future__ import annotations

import re

import pytest
import report_samples as samples
from report_samples import EXERCISES

from grader.model import Verdict
from grader.report.summary import points, summary
from grader.text import clean


def shown(grade, **options) -> str:
    return summary(grade, EXERCISES, **{"width": 100, "colour": False, **options})


def flat(text: str) -> str:
    return " ".join(text.split())


def test_name_score_and_every_exercise_have_their_line():
    lines = [flat(line) for line in shown(samples.mixed()).splitlines()]
    assert lines[0] == "Noor Haddad 74.5 / 100"
    assert "Exercise 1: Forward diffusion 25.5 / 28" in lines
    assert "Exercise 2: Network and training 34 / 44" in lines
    assert "Exercise 3: Sampling 15 / 28" in lines


def test_every_lost_point_has_its_reason():
    text = flat(shown(samples.mixed()))
    for result in samples.mixed().criteria:
        if result.earned < result.possible:
            assert f"-{points(result.possible - result.earned)} " in text
            assert flat(result.message) in text
        elif result.verdict is Verdict.PASS:
            assert flat(result.message) not in text


def test_what_was_not_the_students_doing_is_marked():
    text = flat(shown(samples.mixed()))
    assert "PROVISIONAL The grader failed on part of this notebook" in text
    assert "-5 NOT CHECKED: Fresh noise is added" in text
    assert "-8 ERROR: The samples look like digits" in text
    assert "8 points are undecided" in text


def test_readings_notes_and_the_next_step_are_named():
    text = flat(shown(samples.mixed()))
    assert "formulation “σ² = β”: Every step follows the reverse formula" in text
    assert "Cell 3 installs packages" in text
    assert "Next: Nothing joins the 14 × 14 levels" in text


def test_a_perfect_grade_is_short():
    text = shown(samples.grade())
    assert text.count("all points earned") == 3
    assert "Next: All points earned; nothing to fix." in text
    assert "PROVISIONAL" not in text


def test_one_reason_is_said_once_for_all_that_it_cost():
    assert shown(samples.near_zero()).count("got a string") == 1


@pytest.mark.parametrize("width", [40, 72, 100])
def test_lines_fit_the_terminal(width):
    assert max(map(len, shown(samples.mixed(), width=width).splitlines())) <= width


def test_colour_comes_only_when_asked():
    assert "\x1b" not in shown(samples.mixed())
    coloured = shown(samples.mixed(), colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(samples.mixed())
    assert coloured != shown(samples.mixed())


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[31mgone",
        "\x1b]0;title\x07gone",
        "\x1b]8;;http://x\x1b\\gone\x1b]8;;\x1b\\",
        "\x1bPq#0\x1b\\gone",
        "\x9b31mgone",
        "\x1bcgone",
        "go\x00ne\x08",
        "\u202egone",
        "gone\ud800",
    ],
)
def test_nothing_that_a_student_writes_moves_the_cursor(text):
    assert clean(text) == "gone"
    mean = {"verdict": Verdict.FAIL, "message": text, "title": text, "reading": text}
    grade = samples.grade(submission={"name": text}, changes={"schedule.betas": mean}, notes=(text,))
    seen = shown(grade)
    assert seen.splitlines()[0].startswith("gone ")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", seen)


def test_an_unfinished_sequence_hides_nothing_behind_it():
    assert clean("\x1b]0;the rest stays") == "0;the rest stays"


@pytest.mark.parametrize(
    ("value", "text"), [(4.0, "4"), (2.5, "2.5"), (0.1 + 0.2, "0.3"), (-0.0, "0"), (100.0, "100")]
)
def test_points_have_no_needless_decimals(value, text):
    assert points(value) == text
