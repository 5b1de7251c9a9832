"""A self-check says that it is no grade, and what it did not ask; it never says that everything is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import SUBMISSIONS

from grader import cli
from grader.commands import SELF_CHECK_SUBCOMMANDS
from grader.model import CriterionResult, Grade, Verdict, grade_from_json
from grader.report import page
from grader.report.summary import summary

EXERCISES = {1: "Forward"}
RIGHT = CriterionResult(
    id="schedule.betas",
    exercise=1,
    title="β rises",
    possible=38.0,
    earned=38.0,
    verdict=Verdict.PASS,
    credit=1.0,
    message="It does.",
)
CHECKED = Grade(
    submission={"name": "ada", "path": "ada.ipynb", "sha256": "0" * 64},
    rubric={"id": "ddpm", "digest": "0" * 64},
    criteria=(RIGHT,),
    provisional=False,
    self_check_of=100,
)
UNDECIDED = replace(CHECKED, criteria=(replace(RIGHT, earned=0.0, verdict=Verdict.ERROR),), provisional=True)


def _texts(grade: Grade) -> tuple[str, str]:
    printed = " ".join(summary(grade, EXERCISES, colour=False).split())
    return printed, " ".join(page.render(grade, (), EXERCISES).split())


def test_it_says_how_much_is_only_asked_at_hand_in() -> None:
    for text in _texts(CHECKED):
        assert "This is no grade: 62 of 100 points are only asked at hand-in." in text
        assert "self-check" in text.lower()
        assert "Nothing to fix in what was asked here." in text


def test_it_never_says_that_all_is_right() -> None:
    for text in _texts(CHECKED):
        assert "All points earned" not in text
        assert "all points earned" not in text


def test_a_kit_that_asks_everything_is_no_grade_either() -> None:
    for text in _texts(replace(CHECKED, self_check_of=38)):
        assert "This is no grade: at hand-in everything is asked again, with other numbers." in text


def test_no_ta_reviews_a_self_check() -> None:
    for text in _texts(UNDECIDED):
        assert "A part of this notebook could not be checked. 38 points are undecided here." in text
        assert "will review" not in text


def test_a_grade_says_nothing_of_self_checks() -> None:
    for text in _texts(replace(CHECKED, self_check_of=None)):
        assert "self-check" not in text.lower().replace('id="self-check"', "")
        assert "All points earned" in text


def test_the_result_says_so_too() -> None:
    assert CHECKED.as_json()["self_check_of"] == 100
    assert grade_from_json(CHECKED.as_json()) == CHECKED
    assert "self_check_of" not in replace(CHECKED, self_check_of=None).as_json()


def _main(*words: object) -> int:
    return cli.main(list(map(str, words)), subcommands=SELF_CHECK_SUBCOMMANDS, otherwise="self_check")


def test_the_command_takes_one_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(SUBMISSIONS) == 2
    assert "is a folder: give one notebook" in capsys.readouterr().err
    assert _main("show") == 2  # no subcommand of a kit, so a file that is not there
    assert "show is not there" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        _main("a.ipynb", "b.ipynb")
    assert left.value.code == 2


def test_its_help_has_no_command_for_staff(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _main("--help")
    printed = capsys.readouterr().out
    assert "inspect" in printed
    for word in ("adjust", "gradebook", "--roster", "--jobs", "audit"):
        assert word not in printed
