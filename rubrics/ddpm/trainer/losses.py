"""What ``train`` gives back: the losses of every epoch, in whatever form."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from grader.checks import Unmet

from .expectations import unless_it_stopped
from .probe import EPOCHS, RecordedTraining


def expect_losses(training: RecordedTraining) -> None:
    """The losses of every epoch come back."""
    unless_it_stopped(training, "it could return anything")
    if any(len(numbers) >= EPOCHS for numbers in _number_lists(training.inside)):
        return
    if training.returned is None:
        raise Unmet(
            "train returns nothing.", expected="the losses of every epoch", misconception="returns-nothing"
        )
    raise Unmet(
        f"What train returns holds no list of {EPOCHS} losses for {EPOCHS} epochs.",
        expected=f"lists of {EPOCHS} numbers",
        misconception="losses-missing",
    )


def _number_lists(value: Any) -> list[list[float]]:
    """Every list of numbers in a result, however it is nested; rows of tuples count by column."""
    if isinstance(value, Tensor):
        return [value.flatten().tolist()] if value.ndim else []
    if isinstance(value, dict):
        return _number_lists(list(value.values()))
    if not isinstance(value, list | tuple):
        return []
    numbers = [_number(item) for item in value]
    if value and all(number is not None for number in numbers):
        return [[number for number in numbers if number is not None]]
    inner = [found for item in value for found in _number_lists(item)]
    rows = [item for item in value if isinstance(item, list | tuple | dict)]
    columns = [[float(index) for index in range(len(rows))]] if len(inner) == len(rows) == len(value) else []
    return inner + columns


def _number(item: Any) -> float | None:
    if isinstance(item, Tensor) and item.numel() == 1:
        item = item.item()
    return float(item) if isinstance(item, int | float) and math.isfinite(item) else None
