"""A sampler that passes t in a form that the notebook's own network refuses is charged for it, once."""

from __future__ import annotations

import pytest
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

AS_TENSOR = "t = torch.full((len(x_t), 1), float(step), device=device)"
TAKES_ANY = ("t = t.float().view(-1, 1)", "t = torch.as_tensor(t).float().view(-1, 1)")
TAKES_COLUMN = ("t = t.float().view(-1, 1)", "t = 1.0 * t")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("passed", "unet", "charged"),
    [
        ("t = step", [TAKES_COLUMN], True),
        ("t = torch.full((len(x_t),), float(step), device=device)", [TAKES_COLUMN], True),
        (AS_TENSOR, [TAKES_COLUMN], False),
        ("t = torch.full((1, 1), float(step), device=device)", [TAKES_COLUMN], False),
        ("t = step", [TAKES_ANY], False),
    ],
)
def test_a_form_that_the_own_network_refuses_is_charged_once(
    warm: WarmGrader, passed: str, unet: Changes, charged: bool
) -> None:
    cells = changed_cells(unet=unet, sampler=[(AS_TENSOR, passed)])
    found = lost(grade_cells(warm, cells, "unet", "train", "sample"))
    assert list(found) == (["sample.order"] if charged else [])
    if charged:
        assert "your UNet does not accept it" in found["sample.order"]
