"""A grade that may miss work of the student is provisional; a blank handout is final."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from classes import run, tiny_rubric
from conftest import Ran

from grader.extraction.extract import extract
from grader.extraction.handout import NO_HANDOUT, Handout, read_handout
from grader.judging.review import review_reason
from grader.model import CriterionResult, Verdict
from grader.notebook.submission import read_notebook

IMPORT = "import math"
STUB = 'def answer(x):\n    """Return the answer."""\n    # your code here\n    return None'
HELPER = "def show(x):\n    print(x)"
GIVEN = [IMPORT, STUB, HELPER, "show(answer(1))"]
SOLVED = "def answer(x):\n    return 42"


def _write(path: Path, cells: Iterable[str]) -> Path:
    code = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in cells]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def handout(tmp_path: Path) -> Handout:
    return read_handout(_write(tmp_path / "handout.ipynb", GIVEN))


def _results(*verdicts: Verdict) -> list[CriterionResult]:
    nothing: dict[str, Any] = {"title": "", "possible": 1, "earned": 0, "credit": 0, "message": ""}
    return [
        CriterionResult(id=f"a.{n}", exercise=1, verdict=each, **nothing) for n, each in enumerate(verdicts)
    ]


def _reason(path: Path, handout: Handout, *verdicts: Verdict) -> str:
    submission = read_notebook(path, "s")
    source = extract(submission, ["answer"])
    return review_reason(submission, source, _results(*verdicts), handout)


@pytest.mark.parametrize(
    "cells",
    [
        GIVEN,
        [IMPORT, STUB.replace("# your code here", "# TODO, Friday"), HELPER],  # a comment, and no last cell
        [IMPORT, STUB.replace("Return the answer.", "?"), HELPER, "print('Ada')"],
        [HELPER, STUB, IMPORT],
    ],
)
def test_what_equals_the_handout_is_final(handout, tmp_path, cells):
    assert _reason(_write(tmp_path / "s.ipynb", cells), handout, Verdict.BLOCKED) == ""


@pytest.mark.parametrize(
    "cells",
    [
        [IMPORT, HELPER],  # the cell with the answer is gone, perhaps turned into text
        [IMPORT, STUB, HELPER, "def my_answer(x):\n    return 42"],
        [IMPORT, STUB, HELPER, "def answer(x)\n    return 42"],  # cannot be parsed
        ["print(1)"],
    ],
)
def test_a_notebook_in_which_nothing_of_the_students_is_found_needs_a_review(handout, tmp_path, cells):
    reason = _reason(_write(tmp_path / "s.ipynb", cells), handout)
    assert reason == "Nothing was found that is not the handout's own code."


def test_without_a_handout_a_notebook_needs_a_review_if_nothing_is_found(tmp_path):
    assert _reason(_write(tmp_path / "s.ipynb", [SOLVED]), NO_HANDOUT) == ""
    found_nothing = "Nothing was found of what this homework asks for."
    assert _reason(_write(tmp_path / "t.ipynb", ["print(1)"]), NO_HANDOUT) == found_nothing


def test_own_work_needs_a_review_only_if_nothing_of_it_could_be_checked(handout, tmp_path):
    path = _write(tmp_path / "s.ipynb", [IMPORT, SOLVED])
    assert _reason(path, handout, Verdict.FAIL, Verdict.BLOCKED) == ""
    assert (
        _reason(path, handout, Verdict.BLOCKED, Verdict.BLOCKED)
        == "Nothing in this notebook could be checked."
    )


def test_a_file_that_is_cut_off_needs_a_review(handout, tmp_path):
    path = _write(tmp_path / "s.ipynb", [IMPORT, SOLVED, HELPER])
    path.write_bytes(path.read_bytes()[:-150])
    assert "cut off" in _reason(path, handout, Verdict.PASS)


def test_a_grade_of_some_criteria_alone_needs_no_review_where_all_are_blocked(handout, tmp_path):
    assert _reason(_write(tmp_path / "s.ipynb", [IMPORT, SOLVED]), handout) == ""


def _grade_class(tmp_path: Path) -> Ran:
    rubric = tiny_rubric(tmp_path / "rubric")
    folder = tmp_path / "class"
    folder.mkdir()
    _write(folder / "blank.ipynb", GIVEN)
    _write(folder / "lost.ipynb", [HELPER])
    _write(folder / "right.ipynb", [SOLVED])
    (folder / "word.ipynb").write_bytes(b"PK\x03\x04" + b"word/document.xml" * 3)
    whole = _write(tmp_path / "whole.ipynb", [SOLVED, HELPER, HELPER]).read_bytes()
    (folder / "short.ipynb").write_bytes(whole[:-150])
    return run(tmp_path / "out", folder, "--rubric", rubric, "--handout", _write(tmp_path / "h.ipynb", GIVEN))


def test_a_class_lists_what_could_hardly_be_read_first(tmp_path):
    ran = _grade_class(tmp_path)
    assert ran.code == 1
    final = {key: not json.loads((ran.reports / f"{key}.json").read_text())["provisional"] for key in _KEYS}
    assert final == {"blank": True, "lost": False, "right": True, "short": False, "word": False}
    assert re.search(r"short +10 / 10  PROVISIONAL  The file is cut off or damaged", ran.out)
    page = (ran.reports / "index.html").read_text()
    assert "this is not a notebook but a Word document" in page
    assert "so part of the work may be missing" in page
    again = run(tmp_path / "out", tmp_path / "class", "--rubric", tmp_path / "rubric", "--handout",
                tmp_path / "h.ipynb")  # fmt: skip
    assert "grade: 5 of 5 results are in the gradebook" in again.err


_KEYS = ("blank", "lost", "right", "short", "word")


def test_a_handout_that_cannot_be_read_is_reported_before_anything_is_graded(tmp_path):
    broken = tmp_path / "h.ipynb"
    broken.write_text("nothing")
    folder = tmp_path / "class"
    folder.mkdir()
    _write(folder / "a.ipynb", [SOLVED])
    ran = run(tmp_path / "out", folder, "--rubric", tiny_rubric(tmp_path / "rubric"), "--handout", broken)
    assert (ran.code, ran.out) == (2, "")
    assert "the handout" in ran.err
