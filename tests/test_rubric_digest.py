"""What of a rubric decides verdicts: a change of anything else keeps every verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from classes import tiny_rubric
from person_rubric import person_rubric

from grader.rubric import Rubric


def _judging(folder: Path) -> str:
    return Rubric.load(str(folder)).judging_digest


def _edited(folder: Path, old: str, new: str) -> None:
    rules = (folder / "rubric.toml").read_text()
    assert old in rules
    (folder / "rubric.toml").write_text(rules.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("points = 8", "points = 9"),
        ('title = "The answer is right"', 'title = "Right"'),
        ('title = "A tiny homework"', 'title = "Homework 1"\ntotal = 10'),
        ('hint = "It is known from a book."', ""),
        ('visibility = "hidden"', 'visibility = "public"'),
        ('1 = "The answer"', '1 = "An answer"\n2 = "Another"'),
        ("[exercises]", "[settings]\nboundaries = [50]\ninspect = []\n[exercises]"),
        ("[exercises]", "[settings.late]\ndue = 2026-03-01T23:59:00\nper_day = 5\n[exercises]"),
        ("[[criterion]]", "# a comment\n[[criterion]]"),
    ],
)
def test_points_words_and_visibility_decide_no_verdict(tmp_path: Path, old: str, new: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    before, whole = _judging(folder), Rubric.load(str(folder)).digest
    _edited(folder, old, new)
    assert _judging(folder) == before
    assert Rubric.load(str(folder)).digest != whole


def test_of_misconceptions_the_words_decide_nothing_and_the_credit_does(tmp_path: Path) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    before, known = _judging(folder), '[odd]\ncriteria = ["answer.right"]\ntitle = "Odd"\n'
    (folder / "misconceptions.toml").write_text(known)
    assert _judging(folder) == before
    (folder / "misconceptions.toml").write_text(f"{known}credit = 0.5\n")
    assert _judging(folder) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('wanted = ["answer"]', 'wanted = ["answer", "more"]'),
        ("[exercises]", "[settings]\nbudget = 3\n[exercises]"),
        ("[exercises]", "[settings.tolerance]\nlearns = 3\n[exercises]"),
        ("[exercises]", '[shapes.answer]\naliases = ["a"]\n[exercises]'),
        ("[exercises]", '[data]\nchoices = ["a"]\n[exercises]'),
        ("points = 8", "points = 8\nneeds_training = true"),
        ("points = 8", "points = 8\ngiven = true"),
        ('id = "answer.secret"', 'id = "answer.other"'),
    ],
)
def test_whatever_checks_depend_on_decides(tmp_path: Path, old: str, new: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    before = _judging(folder)
    _edited(folder, old, new)
    assert _judging(folder) != before


@pytest.mark.parametrize("name", ["check_answer.py", "helper.py", "data/numbers.json", "data/other.toml"])
def test_every_other_file_decides(tmp_path: Path, name: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "data").mkdir()
    before = _judging(folder)
    with open(folder / name, "a") as file:
        file.write("\n")
    assert _judging(folder) != before


def test_items_of_what_a_person_grades_decide_no_verdict_and_the_place_of_the_answer_does(
    tmp_path: Path,
) -> None:
    folder = person_rubric(tmp_path / "rubric")
    before = _judging(folder)
    _edited(folder, "Mentions the mice", "Mentions mice")
    _edited(folder, 'id = "mice"', 'id = "mouse"')
    assert _judging(folder) == before
    _edited(folder, 'answer.heading = "Question 1"', 'answer.heading = "Question 2"')
    assert _judging(folder) != before
