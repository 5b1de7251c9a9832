"""The rubric of a kit has the public criteria that it asks, and no word of the others."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.kit import toml
from grader.kit.rules import asked_criteria, misconceptions_of_kit, rules_of_kit, without_other_checks
from grader.rubric import KitSettings, Rubric
from grader.rubric_validation import parse_rubric, read_rubric

CHECKS = '''"""Checks."""

from grader.checks import criterion, Unmet


@criterion("a.first")
def check_first(student):
    """First."""
    _helper(student)


@criterion("a.hidden")
@pytest.mark.parametrize("t", [1, 2])
def check_hidden(student, t):
    """A secret."""


def _helper(student):
    raise Unmet("no")
'''


@pytest.fixture(scope="module")
def ddpm() -> Rubric:
    return Rubric.load("ddpm")


def _asking(rubric: Rubric, *asked: str) -> Rubric:
    return replace(rubric, kit=KitSettings(asked=asked))


def test_a_group_and_a_criterion_are_asked_with_the_gate(ddpm: Rubric) -> None:
    asked = asked_criteria(_asking(ddpm, "schedule", "sample.shape"))
    assert asked == (
        *("notebook.extracts", "schedule.betas", "schedule.alphas", "schedule.alpha_bar"),
        "sample.shape",
    )


@pytest.mark.parametrize("change", [{"visibility": "hidden"}, {"judged_by": "person"}])
def test_what_is_hidden_or_a_persons_to_grade_is_never_asked(ddpm: Rubric, change: dict[str, str]) -> None:
    changed = tuple(
        replace(each, **change) if each.id == "schedule.alphas" else each  # type: ignore[arg-type]
        for each in ddpm.criteria
    )
    asked = asked_criteria(replace(_asking(ddpm, "schedule"), criteria=changed))
    assert "schedule.betas" in asked
    assert "schedule.alphas" not in asked


def test_a_rubric_has_to_say_what_a_kit_asks(ddpm: Rubric) -> None:
    with pytest.raises(UsageError, match=r"name criteria or groups in its rubric.toml"):
        asked_criteria(replace(ddpm, kit=None))
    with pytest.raises(UsageError, match="would ask nothing"):
        asked_criteria(_asking(ddpm, "notebook"))


def test_the_rules_are_those_of_the_asked_criteria() -> None:
    rules, known = read_rubric(Rubric.load("ddpm").source)
    asked = ("notebook.extracts", "schedule.betas", "sample.quality")
    kept = rules_of_kit(rules, asked)
    assert [block["id"] for block in kept["criterion"]] == list(asked)
    assert kept["self_check_of"] == 100
    assert kept["exercises"].keys() == {"0", "1", "3"}
    assert kept["data"] == {"default": "digits", "choices": ["digits"]}
    assert kept["settings"]["inspect"] == ["notebook", "schedule.betas"]
    assert "solutions" not in kept["settings"]
    assert "kit" not in kept
    assert "total" not in kept
    words = misconceptions_of_kit(known, asked)
    assert "betas-reversed" in words
    assert {id for block in words.values() for id in block["criteria"]} <= set(asked)


def test_a_kits_rubric_loads_with_the_points_of_the_whole_homework(tmp_path: Path) -> None:
    rules, known = read_rubric(Rubric.load("ddpm").source)
    asked = ("notebook.extracts", "schedule.betas")
    (tmp_path / "rubric.toml").write_text(toml.dumps(rules_of_kit(rules, asked)))
    (tmp_path / "misconceptions.toml").write_text(toml.dumps(misconceptions_of_kit(known, asked)))
    rubric = Rubric.load(str(tmp_path))
    assert rubric.self_check_of == 100
    assert sum(each.points for each in rubric.criteria) == 4


def test_checks_of_other_criteria_are_cut_out() -> None:
    left = without_other_checks(CHECKS, {"a.first"})
    assert "check_first" in left
    assert "_helper" in left
    for secret in ("hidden", "secret", "parametrize"):
        assert secret not in left
    compile(left, "check_a.py", "exec")


def test_a_file_without_an_asked_check_is_left_out() -> None:
    assert without_other_checks(CHECKS, {"b.other"}) == ""
    assert without_other_checks('"""No check of its own."""\n', set()) == '"""No check of its own."""\n'


@pytest.mark.parametrize("name", ["ddpm", "attention"])
def test_a_written_rubric_is_the_same_when_it_is_read(name: str) -> None:
    for content in parse_rubric(Rubric.load(name).folder):
        assert tomllib.loads(toml.dumps(content)) == content


def test_unusual_values_survive_toml() -> None:
    content = {
        "text": 'a "quote", a \\ backslash,\na line, √ᾱ, \x7f and \x1b',
        "numbers": [1, -2.5, 1e-3, 1e30],
        "nothing": [],
        "yes": True,
        "due": datetime(2026, 3, 1, 23, 59),
        "key with spaces, ä": {"empty": {}, "mixed": [{"a": [{"b": 1}]}, {"c": 2}]},
        "inline": [[{"a": 1}], "x"],
    }
    assert tomllib.loads(toml.dumps(content)) == content
