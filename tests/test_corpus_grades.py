"""No right solution loses anything, and each single mistake loses its criterion and no other."""

from __future__ import annotations

import corpus
import pytest
from warm import WarmGrader, lost

from grader.checkrun import Options
from grader.model import Grade

pytestmark = pytest.mark.slow

QUICK = Options(quick=True)


@pytest.mark.parametrize("name", corpus.right_names())
def test_a_right_solution_loses_nothing(warm: WarmGrader, name: str) -> None:
    """Whatever its style, a right solution gets every point that is asked for."""
    grade = warm.grade(corpus.right_solutions()[name], QUICK)
    assert lost(grade) == {}
    assert grade.earned == grade.possible == 96


@pytest.mark.parametrize(
    "signature",
    [
        "def __init__(self, start_beta, end_beta, total_steps):\n        device = 'cpu'",
        "def __init__(self, total_steps, start_beta, end_beta, device='cpu'):",
        "def __init__(self, a, b, T, device):\n        start_beta, end_beta, total_steps = a, b, T",
        "def __init__(self, start_beta, end_beta, total_steps, device='cpu', schedule='linear'):",
    ],
)
def test_a_signature_of_ones_own_loses_nothing(warm: WarmGrader, signature: str) -> None:
    """Arguments that are fewer, more, in another order or under other names than the handout's."""
    handouts = 'def __init__(self, start_beta, end_beta, total_steps, device="cpu"):'
    cells = [cell.source.replace(handouts, signature) for cell in corpus.base()]
    assert signature in "".join(cells)
    assert lost(warm.grade(corpus.notebook(cells), QUICK)) == {}


@pytest.mark.parametrize("mistake", corpus.MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_loses_its_criterion_and_no_other(warm: WarmGrader, mistake: corpus.Mistake) -> None:
    """One slip is charged once, where it was made."""
    grade = warm.grade(mistake.notebook(), QUICK)
    assert set(lost(grade)) == mistake.loses
    assert all(_fails(grade, id) for id in mistake.loses)


def _fails(grade: Grade, id: str) -> bool:
    return next(result for result in grade.criteria if result.id == id).verdict == "fail"
