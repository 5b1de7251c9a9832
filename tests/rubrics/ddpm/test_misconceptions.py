"""The library of misconceptions: every one can be recognised, is tried on a slip, and gives nothing away."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from corpus import CORPUS

from grader.errors import UsageError
from grader.model import Misconception
from grader.rubric import Rubric

RUBRIC = Rubric.load("ddpm")
EACH = pytest.mark.parametrize("known", RUBRIC.misconceptions.values(), ids=lambda known: known.id)

# Recognised, but by no slip of one line: each takes a solution of another shape.
WITHOUT_MUTANT = {
    "no-levels",
    "network-not-called",
    "no-loss",
    "not-finite",
    "not-the-last-image",
    "steps-uneven",
}


def _constants(folder: Path) -> set[str]:
    """Every string in the code of a folder."""
    trees = (ast.parse(path.read_text()) for path in folder.glob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _charged(folder: Path) -> set[str]:
    """Every constant that is given as ``misconception=``."""
    trees = (ast.parse(path.read_text()) for path in folder.glob("*.py"))
    keywords = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword))
    values = (ast.walk(keyword.value) for keyword in keywords if keyword.arg == "misconception")
    return {
        node.value
        for value in values
        for node in value
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_misconception_is_one_that_some_check_recognises() -> None:
    assert set(RUBRIC.misconceptions) <= _constants(RUBRIC.folder)


def test_no_check_names_a_misconception_that_is_not_in_the_library() -> None:
    assert _charged(RUBRIC.folder) <= set(RUBRIC.misconceptions)


def test_every_misconception_is_tried_on_a_slip() -> None:
    tried = {mutant.misconception for mutant in CORPUS.mutants}
    assert set(RUBRIC.misconceptions) - tried == WITHOUT_MUTANT
    assert tried <= set(RUBRIC.misconceptions)


def test_a_slip_is_charged_where_its_misconception_is() -> None:
    for mutant in CORPUS.mutants:
        assert mutant.loses <= set(RUBRIC.misconceptions[mutant.misconception].criteria), mutant.name


@EACH
def test_a_hint_names_a_concept_and_no_code(known: Misconception) -> None:
    """No formula, no call, no assignment: the corrected line is the student's to find."""
    for text in (known.hint, known.reread, known.title):
        assert not re.search(r"[=`]|torch\.|sqrt|\w\(", text)


@EACH
def test_what_is_said_is_whole_sentences(known: Misconception) -> None:
    for text in filter(None, (known.says, known.hint)):
        assert re.match(r"[A-Zα-ωᾱ0-9]|z |torch ", text), text
        assert text[-1] in ".?", text
    assert not known.title.endswith(".")
    assert 0.0 <= known.credit < 1.0


def test_a_library_with_an_unknown_criterion_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rubric.toml").write_text((RUBRIC.folder / "rubric.toml").read_text())
    (tmp_path / "misconceptions.toml").write_text('[odd]\ncriteria = ["no.such"]\ntitle = "Odd"\n')
    with pytest.raises(UsageError, match=r"odd is charged at no\.such"):
        Rubric.load(str(tmp_path))
