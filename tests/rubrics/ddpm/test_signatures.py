"""Constructors with fewer, more, reordered or renamed parameters lose no points."""

from __future__ import annotations

import pytest
from corpus import CORPUS
from warm import lost

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.options import Options

HANDOUT_SIGNATURE = 'def __init__(self, start_beta, end_beta, total_steps, device="cpu"):'


@pytest.mark.slow
@pytest.mark.parametrize(
    "signature",
    [
        "def __init__(self, start_beta, end_beta, total_steps):\n        device = 'cpu'",
        "def __init__(self, total_steps, start_beta, end_beta, device='cpu'):",
        "def __init__(self, a, b, T, device):\n        start_beta, end_beta, total_steps = a, b, T",
        "def __init__(self, start_beta, end_beta, total_steps, device='cpu', schedule='linear'):",
    ],
)
def test_another_signature_loses_no_points(warm: WarmGrader, signature: str) -> None:
    cells = [cell.source.replace(HANDOUT_SIGNATURE, signature) for cell in CORPUS.base]
    assert signature in "".join(cells)
    assert lost(warm.grade(notebook(cells), Options(quick=True))) == {}
