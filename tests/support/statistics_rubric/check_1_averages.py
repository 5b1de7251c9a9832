"""Compare both functions with a reference on numbers that only the judge knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from grader.checks import Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.model import Curves, Series
from grader.sandbox.student import Student


@pytest.fixture(scope="session")
def values(seeded: Seeded) -> Tensor:
    """A table of numbers, (12, 3), with another mean in each column."""
    return torch.randn(12, 3, generator=seeded("values")) + torch.tensor([1.0, 10.0, -5.0])


@criterion("center.columns")
def check_columns_are_centered(student: Student, need: Callable[[str], None], values: Tensor) -> None:
    """Every column of the result has mean 0."""
    need("center")
    result = student.call("center", values)
    if _close(result, values - values.mean()):
        raise Unmet("The columns keep different means.", misconception="one-mean-for-all")
    if not _close(result, values - values.mean(dim=0)):
        raise Unmet("The result is not the table without its columns' means.")


@criterion("average.window")
def check_values_are_means_of_their_windows(
    student: Student, need: Callable[[str], None], values: Tensor, evidence: Evidence, reporter: Reporter
) -> None:
    """Each value is the mean of its window."""
    need("moving_average")
    result = student.call("moving_average", values[:, 0], 3)
    expected = values[:, 0].unfold(0, 3, 1).mean(dim=1)
    evidence.expected = f"{len(expected)} values"
    evidence.measure(means=result)
    reporter.show(
        Curves(
            exercise=1,
            title="A moving average of width 3",
            caption="Your values and the expected ones.",
            x_label="window",
            y_label="mean",
            series=[
                Series(label="expected", y=expected.tolist(), role="reference"),
                Series(label="yours", y=result.tolist(), role="student"),
            ],
        )
    )
    if not _close(result, expected):
        raise Unmet("The values are not the means of windows of 3.")


def _close(result: object, expected: Tensor) -> bool:
    return (
        isinstance(result, Tensor)
        and result.shape == expected.shape
        and torch.allclose(result, expected, atol=1e-5)
    )
