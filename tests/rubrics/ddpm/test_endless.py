"""Code that never ends, or asks for more than there is, costs its own points and little time."""

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


def test_a_training_that_goes_on_for_ever_is_ended(warm: WarmGrader) -> None:
    """``while True`` in place of the loop over epochs: the loaders have had enough; nothing else suffers."""
    grade = _grade(warm, "for epoch in range(num_epochs):", "epoch = 0\n    while True:", "train", "schedule")
    results = {result.id: result for result in grade.criteria}
    assert "does not stop after" in results["train.returns_losses"].message
    assert results["train.zero_grad"].verdict == "pass"
    assert results["schedule.betas"].verdict == "pass"


def test_a_module_that_is_not_installed_is_not_the_students_fault(warm: WarmGrader) -> None:
    """The grade is provisional, and says what to install."""
    grade = _grade(
        warm, "class NoiseDiffuser:", "import no_such_module\nclass NoiseDiffuser(no_such_module.Base):"
    )
    gate = next(result for result in grade.criteria if result.id == "notebook.extracts")
    assert grade.provisional
    assert gate.verdict == "error"
    assert "no_such_module" in gate.message


def test_a_sampler_that_goes_on_for_ever_is_ended(warm: WarmGrader) -> None:
    """``while True`` in place of the loop over steps: the network has had enough, long before the memory."""
    backwards = "range(total_timesteps - 1, -1, -1)"
    grade = _grade(warm, backwards, f"__import__('itertools').cycle({backwards})", "sample.order", "schedule")
    results = {result.id: result for result in grade.criteria}
    assert "called endlessly" in results["sample.order"].message
    assert results["schedule.betas"].verdict == "pass"
