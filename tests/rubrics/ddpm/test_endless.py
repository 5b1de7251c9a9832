"""Code that never ends, or needs a missing package, affects its own criteria only and costs little time."""

from __future__ import annotations

import pytest
from corpus import CORPUS

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.model import Grade
from grader.options import Options

pytestmark = pytest.mark.slow


def _grade(warm: WarmGrader, old: str, new: str, *only: str) -> Grade:
    cells = [cell.source.replace(old, new) for cell in CORPUS.base]
    assert cells != [cell.source for cell in CORPUS.base]
    return warm.grade(notebook(cells), Options(quick=True, only=only))


def test_an_endless_training_is_stopped(warm: WarmGrader) -> None:
    """``while True`` instead of the loop over epochs: the loaders end it, at no cost to other criteria."""
    grade = _grade(warm, "for epoch in range(num_epochs):", "epoch = 0\n    while True:", "train", "schedule")
    results = {result.id: result for result in grade.criteria}
    assert "does not stop after" in results["train.returns_losses"].message
    assert results["train.zero_grad"].verdict == "pass"
    assert results["schedule.betas"].verdict == "pass"


def test_a_missing_package_is_not_the_students_fault(warm: WarmGrader) -> None:
    """The grade is provisional and names the package to install."""
    grade = _grade(
        warm, "class NoiseDiffuser:", "import no_such_module\nclass NoiseDiffuser(no_such_module.Base):"
    )
    gate = next(result for result in grade.criteria if result.id == "notebook.extracts")
    assert grade.provisional
    assert gate.verdict == "error"
    assert "no_such_module" in gate.message


def test_an_endless_sampler_is_stopped(warm: WarmGrader) -> None:
    """``while True`` instead of the loop over steps: the network double ends it before memory runs out."""
    backwards = "range(total_timesteps - 1, -1, -1)"
    grade = _grade(warm, backwards, f"__import__('itertools').cycle({backwards})", "sample.order", "schedule")
    results = {result.id: result for result in grade.criteria}
    assert "called endlessly" in results["sample.order"].message
    assert results["schedule.betas"].verdict == "pass"
