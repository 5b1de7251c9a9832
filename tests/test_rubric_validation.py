"""Mistakes in rubric.toml and misconceptions.toml: each gets a sentence with its place."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from classes import notebook, tiny_rubric
from conftest import Command

from grader.errors import UsageError
from grader.rubric import Rubric
from grader.rubric_validation import read_rubric

MISCONCEPTION = '[odd]\ncriteria = ["answer.right"]\ntitle = "Odd"\n'


def _mistakes(folder: Path) -> list[str]:
    """Return the sentences about the rubric in this folder, without the heading."""
    with pytest.raises(UsageError) as refused:
        Rubric.load(str(folder))
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


def _changed(tmp_path: Path, old: str, new: str) -> Path:
    """Return a tiny rubric with one place of rubric.toml changed."""
    folder = tiny_rubric(tmp_path / "tiny")
    rules = (folder / "rubric.toml").read_text()
    assert old in rules
    (folder / "rubric.toml").write_text(rules.replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'visibility = "hidden"',
            'visibility = "hiden"',
            'line 23, criterion answer.secret: visibility is "hiden", but must be "public" or "hidden"; '
            'did you mean "hidden"?',
        ),
        ("hint =", "hnit =", 'line 17, criterion answer.right: unknown key hnit; did you mean "hint"?'),
        (
            "points = 8",
            'points = "8"',
            'line 16, criterion answer.right: points is "8", but must be a number',
        ),
        ("points = 8", "points = true", "criterion answer.right: points is true, but must be a number"),
        ("points = 8", "points = -8", "line 16, criterion answer.right: points is -8, but must be 0 or more"),
        ("points = 8", "points = nan", "criterion answer.right: points is nan, but must be a finite number"),
        ("points = 8", "points = inf", "criterion answer.right: points is inf, but must be a finite number"),
        ("points = 8", "", "line 12, criterion answer.right: the key points is missing"),
        ("exercise = 1", "exercise = 1.5", "answer.given: exercise is 1.5, but must be a whole number"),
        ("exercise = 1", "exercise = 3", "there is no exercise 3 in [exercises], which lists 1"),
        (
            '"answer.secret"',
            '"answer.given"',
            "line 19, criterion answer.given: the criterion number 1 has the same id",
        ),
        (
            '"answer.secret"',
            '"total"',
            "criterion total: total stands for the whole grade; choose another id",
        ),
        ('"answer.secret"', '"an answer"', 'id is "an answer", but must be one word, without spaces'),
        ('title = "A tiny homework"', "", "rubric.toml: the key title is missing"),
        ('title = "A tiny homework"', 'title = ""', "line 3: title is empty"),
        (
            'title = "A tiny',
            'total = 11\ntitle = "A tiny',
            "line 3: total is 11, but the points of the criteria add up to 10",
        ),
        (
            'title = "A tiny',
            'total = nan\ntitle = "A tiny',
            "total is nan, but the points of the criteria add up to 10",
        ),
        ('wanted = ["answer"]', 'wanted = "answer"', 'line 4: wanted is "answer", but must be a list'),
        (
            'wanted = ["answer"]',
            "wanted = [42]",
            "line 4: an element of wanted is 42, but must be text in quotes",
        ),
        (
            "[exercises]",
            "[shapes.answer]\nknd = 1\n[exercises]",
            'line 6, [shapes.answer]: unknown key knd; did you mean "kind"?',
        ),
        (
            "[exercises]",
            "[shapes.anser]\n[exercises]",
            'line 5, [shapes]: anser is not in wanted; did you mean "answer"?',
        ),
        (
            "points = 8",
            'points = 8\ncode = "anser.x"',
            'code names anser, which is not in wanted; did you mean "answer"?',
        ),
        (
            '1 = "The answer"',
            '1 = "The answer"\none = "x"',
            "line 7, [exercises]: unknown key one; keys here are whole numbers",
        ),
        (
            "[exercises]",
            '[settings]\ninspect = ["answer", "answer.rigth"]\n[exercises]',
            'line 6, [settings]: "answer.rigth" is no criterion and no group of criteria; did you mean '
            '"answer.right"?',
        ),
        (
            "[exercises]",
            "[settings.late]\nperday = 5\n[exercises]",
            'line 6, [settings.late]: unknown key perday; did you mean "per_day"?',
        ),
        (
            "[exercises]",
            "[settings]\nboundaries = [500]\n[exercises]",
            "line 6, [settings]: an element of boundaries is 500, but must be 100 or less",
        ),
        (
            "[exercises]",
            '[data]\ndefault = "digit"\nchoices = ["digits"]\n[exercises]',
            'line 6, [data]: default is "digit", which is not in choices; did you mean "digits"?',
        ),
        (
            "[exercises]",
            '[data]\navailability = "no.py"\n[exercises]',
            "line 6, [data]: there is no file no.py in the rubric's folder",
        ),
        (
            "[exercises]",
            "[data]\nchoice = []\n[exercises]",
            'line 6, [data]: unknown key choice; did you mean "choices"?',
        ),
        ("[exercises]", "[exercises", "rubric.toml is not valid TOML: "),
    ],
)
def test_a_mistake_in_the_rules_gets_a_sentence(tmp_path: Path, old: str, new: str, says: str) -> None:
    (mistake,) = _mistakes(_changed(tmp_path, old, new))
    assert says in mistake


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"answer.right"',
            '"answer.rihgt"',
            'line 2, [odd]: "answer.rihgt" is no criterion of rubric.toml; did you mean "answer.right"?',
        ),
        ('"answer.right"', "", "line 2, [odd]: criteria is empty"),
        ('title = "Odd"', "", "line 1, [odd]: the key title is missing"),
        ("title", "titel", 'line 3, [odd]: unknown key titel; did you mean "title"?'),
        ("title", "credit = 1.5\ntitle", "line 3, [odd]: credit is 1.5, but must be 1 or less"),
        ("title", "credit = nan\ntitle", "line 3, [odd]: credit is nan, but must be a number from 0 to 1"),
        ("[odd]", "[odd", "misconceptions.toml is not valid TOML: "),
    ],
)
def test_a_mistake_in_the_misconceptions_gets_a_sentence(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "misconceptions.toml").write_text(MISCONCEPTION.replace(old, new, 1))
    mistakes = _mistakes(folder)
    assert [each for each in mistakes if says in each], mistakes
    assert all(each.startswith("misconceptions.toml") for each in mistakes)


def test_all_mistakes_of_both_files_are_listed_at_once_in_the_order_of_the_lines(
    grade: Command, tmp_path: Path
) -> None:
    folder = _changed(tmp_path, "points = 2", "points = -2")
    rules = (folder / "rubric.toml").read_text()
    (folder / "rubric.toml").write_text(rules.replace('visibility = "hidden"', 'visibility = "x"\nhard = 1'))
    (folder / "misconceptions.toml").write_text(MISCONCEPTION.replace("answer.right", "answer.wrong"))
    ran = grade(notebook(tmp_path / "student.ipynb", "answer = 42"), "--rubric", folder)
    assert ran.code == 2
    heading, *mistakes = ran.err.strip().splitlines()
    assert heading == f"grade: the rubric in {folder} has 4 mistakes:"
    assert [each.split(",")[0].strip() for each in mistakes] == ["rubric.toml"] * 3 + ["misconceptions.toml"]
    assert [each.split(",")[1] for each in mistakes] == [" line 11", " line 23", " line 24", " line 2"]
    assert not ran.reports.exists()


def test_a_file_that_is_not_utf_8_gets_a_sentence(tmp_path: Path) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "rubric.toml").write_bytes('title = "Übung"'.encode("latin-1"))
    assert _mistakes(folder) == ["rubric.toml is not encoded in UTF-8 (at byte 9)"]


@pytest.mark.parametrize("value", ["1", '"x"', "[]", "[1]", "[[]]", "{}", "{a = 1}", "true", "1979-05-27"])
@pytest.mark.parametrize(
    "key",
    [
        "id",
        "title",
        "total",
        "wanted",
        "exercises",
        "shapes",
        "shapes.answer",
        "data",
        "data.default",
        "data.choices",
        "settings",
        "settings.late",
        "settings.inspect",
        "settings.boundaries",
        "criterion",
    ],
)
def test_a_value_of_any_type_is_accepted_or_gets_a_sentence(tmp_path: Path, key: str, value: str) -> None:
    (tmp_path / "rubric.toml").write_text(f"{key} = {value}\n")
    (tmp_path / "misconceptions.toml").write_text(f"{key} = {value}\n")
    with pytest.raises(UsageError, match="mistakes:"):
        read_rubric(tmp_path)


def test_a_declared_total_that_holds_is_accepted(tmp_path: Path) -> None:
    folder = _changed(tmp_path, "points = 2", "points = 0.1")
    rules = (folder / "rubric.toml").read_text().replace("points = 8", "points = 0.2")
    (folder / "rubric.toml").write_text(rules.replace('title = "A tiny', 'total = 0.3\ntitle = "A tiny'))
    assert Rubric.load(str(folder)).criteria[0].points == 0.1


@pytest.mark.parametrize("name", ["rubric.schema.json", "misconceptions.schema.json"])
def test_the_schemas_for_editors_are_schemas(name: str) -> None:
    schema = json.loads(resources.files("grader").joinpath(name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)


_BY_A_PERSON = """[[criterion]]
id = "essay.why"
exercise = 1
title = "Why"
points = 4
judged_by = "person"
answer.heading = "Question 1"
[[criterion.items]]
id = "a"
points = 3
title = "A"
[[criterion.items]]
id = "b"
points = 1
title = "B"
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"person"', '"persons"', 'judged_by is "persons", but must be "check" or "person"; did you mean'),
        ("points = 3", "points = 2", "the points of the items add up to 3, not to 4"),
        ('id = "b"', 'id = "a"', "line 36, criterion essay.why: another item has the id a"),
        ('id = "b"', 'id = "none"', "none stands for no item; choose another id"),
        ('id = "b"\n', "", "line 35, criterion essay.why: the key id is missing"),
        ("points = 4", "points = 0", "points is 0, but what a person grades has to be worth something"),
        ("answer.heading", 'answer.cell = "q"\nanswer.heading', "answer must have one of heading, cell and"),
        ("answer.heading", "answer.headline", 'unknown key headline; did you mean "heading"?'),
        ('judged_by = "person"', "", 'answer is for criteria with judged_by = "person"'),
        ('judged_by = "person"', 'judged_by = "person"\nneeds_training = true', "a person needs no training"),
    ],
)
def test_mistakes_in_what_a_person_grades(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    rules = folder / "rubric.toml"
    assert old in _BY_A_PERSON
    rules.write_text(rules.read_text() + _BY_A_PERSON.replace(old, new, 1))
    assert says in "\n".join(_mistakes(folder))


def test_what_a_person_grades_may_be_the_whole_notebook(tmp_path: Path) -> None:
    folder = tiny_rubric(tmp_path / "tiny")
    rules = folder / "rubric.toml"
    rules.write_text(rules.read_text() + _BY_A_PERSON.replace('answer.heading = "Question 1"\n', ""))
    assert Rubric.load(str(folder)).criteria[-1].answer.is_whole_notebook
