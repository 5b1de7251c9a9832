"""Constructors with fewer, more, reordered or renamed parameters are called as they are meant."""

from __future__ import annotations

import pytest
from corpus import CORPUS
from variants import changed_cells, grade_cells
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


NETWORK_SIGNATURE = "def __init__(self, in_channels, out_channels):"
FIRST_LAYER = "self.enter = self.two_convs(in_channels, 16)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signature", "use"),
    [
        ("def __init__(self, in_ch=1, width=16, out_c=1):", ""),
        ("def __init__(self, width=16):", ""),
        ("def __init__(self, steps, width):", "T, width = 50, 16\nnet = UNet(T, width=width).to(device)"),
        ("def __init__(self, steps, width, channels):", "net = UNet(50, 16, channels=1)\nnet = UNet(*sizes)"),
    ],
)
def test_a_network_is_built_by_keyword_or_as_in_the_notebook(
    warm: WarmGrader, signature: str, use: str
) -> None:
    """A width or a number of steps is never set to 1: GroupNorm(4, 1) would fail."""
    channels = next((name for name in ("in_ch", "channels") if name in signature), "1")
    outs = "out_c" if "out_c" in signature else "1"
    layer = f"self.enter = nn.Sequential(self.two_convs({channels}, width), nn.GroupNorm(4, width))"
    changes = [
        (NETWORK_SIGNATURE, signature),
        (FIRST_LAYER, layer),
        ("16, out_channels,", f"16, {outs},"),
    ]
    grade = grade_cells(warm, [*changed_cells(unet=changes), use], "unet")
    expected = [] if channels != "1" else ["unet.shape_3ch"]
    assert list(lost(grade)) == expected
    if expected:
        assert "expected input[32, 3, 28, 28] to have 1 channels" in lost(grade)["unet.shape_3ch"]
