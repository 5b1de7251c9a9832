"""The terminal summary of a grade."""

from __future__ import annotations

import re

import pytest
import report_samples as samples
from report_samples import EXERCISES

from grader.model import Verdict
from grader.report.summary import points, summary
from grader.text import clean


def summary_of(grade, **options) -> str:
    return summary(grade, EXERCISES, **{"width": 100, "colour": False, **options})


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_name_and_every_exercise_have_a_line_with_points():
    lines = [flat(line) for line in summary_of(samples.mixed()).splitlines()]
    assert lines[0] == "Noor Haddad 74.5 / 100"
    assert "Exercise 1: Forward diffusion 25.5 / 28" in lines
    assert "Exercise 2: Network and training 34 / 44" in lines
    assert "Exercise 3: Sampling 15 / 28" in lines


def test_every_lost_point_has_its_reason():
    text = flat(summary_of(samples.mixed()))
    for result in samples.mixed().criteria:
        if result.earned < result.possible:
            assert f"-{points(result.possible - result.earned)} " in text
            assert flat(result.message) in text
        elif result.verdict is Verdict.PASS:
            assert flat(result.message) not in text


def test_criteria_not_checked_and_errors_are_labelled():
    text = flat(summary_of(samples.mixed()))
    assert "PROVISIONAL The grader failed on part of this notebook" in text
    assert "-5 NOT CHECKED: Fresh noise is added" in text
    assert "-8 ERROR: The samples look like digits" in text
    assert "8 points are undecided" in text


def test_formulations_notes_and_the_next_step_are_shown():
    text = flat(summary_of(samples.mixed()))
    assert "formulation “σ² = β”: Every step follows the reverse formula" in text
    assert "Cell 3 installs packages" in text
    assert "Next: The noise at step t is multiplied by 1 − ᾱ" in text


def test_the_next_step_is_the_first_in_the_order_of_the_work_however_little_it_costs():
    cheap = {"verdict": Verdict.FAIL, "message": "`alphas` repeats `betas`."}
    costly = {"verdict": Verdict.FAIL, "message": "The steps run forwards."}
    text = summary_of(samples.grade(changes={"schedule.alphas": cheap, "sample.formula": costly}))
    assert "Next: `alphas` repeats `betas`." in text


def test_a_perfect_grade_is_short():
    text = summary_of(samples.grade())
    assert text.count("all points earned") == 3
    assert "Next: All points earned; nothing to fix." in text
    assert "PROVISIONAL" not in text


def test_a_reason_shared_by_several_criteria_is_printed_once():
    head, *exercises = summary_of(samples.near_zero()).split("\n\n")
    assert "got a string" in head  # as what to do next
    assert "".join(exercises).count("got a string") == 1


@pytest.mark.parametrize("width", [40, 72, 100])
def test_lines_fit_the_terminal(width):
    assert max(map(len, summary_of(samples.mixed(), width=width).splitlines())) <= width


def test_colours_are_optional():
    assert "\x1b" not in summary_of(samples.mixed())
    coloured = summary_of(samples.mixed(), colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == summary_of(samples.mixed())
    assert coloured != summary_of(samples.mixed())


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
def test_text_from_students_cannot_move_the_cursor(text):
    assert clean(text) == "gone"
    hostile = {"verdict": Verdict.FAIL, "message": text, "title": text, "reading": text}
    grade = samples.grade(submission={"name": text}, changes={"schedule.betas": hostile}, notes=(text,))
    output = summary_of(grade)
    assert output.splitlines()[0].startswith("gone ")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", output)


def test_an_unterminated_sequence_hides_no_text():
    assert clean("\x1b]0;the rest stays") == "0;the rest stays"


@pytest.mark.parametrize(
    ("value", "text"), [(4.0, "4"), (2.5, "2.5"), (0.1 + 0.2, "0.3"), (-0.0, "0"), (100.0, "100")]
)
def test_points_have_no_needless_decimals(value, text):
    assert points(value) == text
