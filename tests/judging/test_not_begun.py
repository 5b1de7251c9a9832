"""The handout's own code earns no points; a definition that the student changed keeps its points."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from grader.extraction.extract import extract
from grader.extraction.handout import NO_HANDOUT, Handout, read_handout
from grader.judging.not_begun import is_untouched, without_given_points
from grader.model import Criterion, CriterionResult, Verdict
from grader.notebook.submission import read_notebook

GIVEN = ["import math", "def helper(x):\n    return x", "def answer(x):\n    return helper(x)"]
CRITERION = Criterion(id="a.right", exercise=1, title="", points=3, code="answer")
PASSED = CriterionResult(
    id="a.right", exercise=1, title="", possible=3, earned=3, verdict=Verdict.PASS, credit=1, message="right"
)


def _write(path: Path, cells: Iterable[str]) -> Path:
    code = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def handout(tmp_path: Path) -> Handout:
    return read_handout(_write(tmp_path / "handout.ipynb", GIVEN))


@pytest.mark.parametrize(
    ("cells", "untouched"),
    [
        (GIVEN, True),
        (["import math, json", *GIVEN[1:]], True),
        ([*GIVEN, "def more():\n    return 1"], True),
        ([*GIVEN[:2], "def answer(x):\n    return 42"], False),
        ([GIVEN[0], "def helper(x):\n    return 42", GIVEN[2]], False),
        ([*GIVEN, "answer.setting = 3"], False),
    ],
    ids=["as given", "other imports", "something else", "rewritten", "its helper rewritten", "changed later"],
)
def test_what_a_definition_depends_on_decides(
    tmp_path: Path, handout: Handout, cells: list[str], untouched: bool
) -> None:
    source = extract(read_notebook(_write(tmp_path / "student.ipynb", cells), "student"), ("answer",))
    assert is_untouched("answer", source, handout) is untouched
    result = without_given_points([PASSED], [CRITERION], source, handout)[0]
    assert result.earned == (0 if untouched else 3)
    assert (result.verdict is Verdict.BLOCKED) is untouched


def test_a_course_gives_points_away_on_purpose(tmp_path: Path, handout: Handout) -> None:
    source = extract(read_notebook(_write(tmp_path / "student.ipynb", GIVEN), "student"), ("answer",))
    given = replace(CRITERION, given=True)
    assert without_given_points([PASSED], [given], source, handout) == (PASSED,)
    assert without_given_points([PASSED], [CRITERION], source, NO_HANDOUT) == (PASSED,)
