"""Find the losses of every epoch in what ``train`` returns, whatever its structure."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from grader.checks import Unmet

from .expectations import block_if_stopped
from .recording import RecordedTraining
from .setup import EPOCHS


def expect_losses(training: RecordedTraining) -> None:
    """Expect ``train`` to return a list with at least one number per epoch.

    Raises:
        Unmet: there is no such list.
        Blocked: ``train`` did not finish.
    """
    block_if_stopped(training, "it returned anything")
    if any(len(numbers) >= EPOCHS for numbers in _number_lists(training.unwrapped)):
        return
    if training.returned is None:
        raise Unmet(
            "Your train returns nothing.",
            expected="the losses of every epoch",
            misconception="returns-nothing",
        )
    raise Unmet(
        f"What your train returns contains no list of {EPOCHS} losses for {EPOCHS} epochs.",
        expected=f"lists of {EPOCHS} numbers",
        misconception="losses-missing",
    )


def _number_lists(value: Any) -> list[list[float]]:
    """Return every list of numbers in a nested value; a list of tuples counts as its columns."""
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
    # One row per epoch, [(train, val), ...]: only the length of the columns matters, not their values.
    columns = [[float(index) for index in range(len(rows))]] if len(inner) == len(rows) == len(value) else []
    return inner + columns


def _number(item: Any) -> float | None:
    if isinstance(item, Tensor) and item.numel() == 1:
        item = item.item()
    return float(item) if isinstance(item, int | float) and math.isfinite(item) else None
