"""A sampler that works with images of another size loses that alone: the rest is judged at that size."""

from __future__ import annotations

import pytest
from variants import changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader


@pytest.mark.slow
def test_samples_of_32_by_32_lose_their_shape_alone(warm: WarmGrader) -> None:
    cells = changed_cells(
        sampler=[("x_t = x_t.to(device)", "x_t = torch.randn(num_samples, 1, 32, 32, device=device)")]
    )
    grade = grade_cells(warm, cells, "sample")
    assert list(lost(grade)) == ["sample.shape"]
    assert any("the 28 x 28 pixels in the middle of its samples were judged" in note for note in grade.notes)
    assert next(each.actual for each in grade.criteria if each.id == "sample.shape") == "(10, 1, 32, 32)"
