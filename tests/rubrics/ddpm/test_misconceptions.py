"""Known misconceptions: a check recognises each, a mutant tries it, and its words give no solution away."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from corpus import CORPUS

from grader.errors import UsageError
from grader.model import Misconception
from grader.probes import training_loop
from grader.rubric import Rubric

RUBRIC = Rubric.load("ddpm")
EACH = pytest.mark.parametrize("known", RUBRIC.misconceptions.values(), ids=lambda known: known.id)

# Recognised, but by no mutant of one line: each needs a solution of another shape.
WITHOUT_MUTANT = {
    "no-levels",
    "network-not-called",
    "no-loss",
    "not-finite",
    "passed-noise-not-normal",
    "not-the-last-image",
    "steps-uneven",
}


def _trees(folder: Path) -> Iterator[ast.Module]:
    """Parse the code of the checks, without the audit's solutions, which need not be plain Python."""
    paths = (path for path in folder.glob("**/*.py") if "audit" not in path.relative_to(folder).parts)
    return (ast.parse(path.read_text()) for path in paths)


def _constants(folder: Path) -> set[str]:
    """Return every string constant in the code of the checks."""
    nodes = (node for tree in _trees(folder) for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _charged(folder: Path) -> set[str]:
    """Return every constant that is passed as ``misconception=``."""
    keywords = (node for tree in _trees(folder) for node in ast.walk(tree) if isinstance(node, ast.keyword))
    values = (ast.walk(keyword.value) for keyword in keywords if keyword.arg == "misconception")
    return {
        node.value
        for value in values
        for node in value
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _handout_headings() -> set[str]:
    cells = nbformat.read(RUBRIC.folder / "handout.ipynb", as_version=4).cells
    markdown = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return set(re.findall(r"(?m)^#+ (.+)$", markdown))


def test_every_misconception_is_recognised_by_some_check() -> None:
    probes = _constants(Path(training_loop.__file__).parent)
    assert set(RUBRIC.misconceptions) <= _constants(RUBRIC.folder) | probes


def test_checks_only_name_misconceptions_of_the_library() -> None:
    assert _charged(RUBRIC.folder) <= set(RUBRIC.misconceptions)


def test_every_misconception_is_tried_on_a_mutant() -> None:
    tried = {mutant.misconception for mutant in CORPUS.mutants}
    assert set(RUBRIC.misconceptions) - tried == WITHOUT_MUTANT
    assert tried <= set(RUBRIC.misconceptions)


def test_a_mutant_loses_criteria_of_its_misconception() -> None:
    for mutant in CORPUS.mutants:
        assert mutant.loses <= set(RUBRIC.misconceptions[mutant.misconception].criteria), mutant.name


@EACH
def test_a_hint_names_a_concept_and_no_code(known: Misconception) -> None:
    """No formula, no call and no assignment: finding the corrected line is the student's task."""
    for text in (known.hint, known.reread, known.title):
        assert not re.search(r"[=`]|torch\.|sqrt|\w\(", text)


@EACH
def test_sentences_are_complete(known: Misconception) -> None:
    for text in filter(None, (known.says, known.hint)):
        assert re.match(r"[A-Zα-ωᾱ0-9]|z |torch ", text), text
        assert text[-1] in ".?", text
    assert not known.title.endswith(".")
    assert 0.0 <= known.credit < 1.0


def test_hints_only_refer_to_headings_of_the_handout() -> None:
    reread = {known.reread for known in RUBRIC.misconceptions.values() if known.reread}
    hints = " ".join(criterion.hint for criterion in RUBRIC.criteria)
    quoted = set(re.findall(r"Reread '([^']+)'", hints))
    assert quoted
    assert reread | quoted <= _handout_headings()


def test_a_library_with_an_unknown_criterion_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "rubric.toml").write_text((RUBRIC.folder / "rubric.toml").read_text())
    (tmp_path / "misconceptions.toml").write_text('[odd]\ncriteria = ["no.such"]\ntitle = "Odd"\n')
    with pytest.raises(UsageError, match=r"\[odd\]: \"no\.such\" is no criterion"):
        Rubric.load(str(tmp_path))
