"""Turn a worker's answers into tensors that can be compared: of a known shape and one precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def is_float(value: Any) -> bool:
    """Return whether an answer is a tensor of real numbers; complex ones arrive as objects."""
    return isinstance(value, Tensor) and value.is_floating_point()


def equals(first: Any, second: Any) -> bool:
    """Return whether two answers are tensors of one shape with the same numbers, in any precision."""
    if not isinstance(first, Tensor) or not isinstance(second, Tensor) or first.shape != second.shape:
        return False
    return torch.equal(first.double(), second.double())


def is_close(first: Tensor, second: Tensor, within: float) -> bool:
    """Return whether two tensors have one shape, and numbers that differ by at most ``within``."""
    return first.shape == second.shape and torch.allclose(first.double(), second.double(), atol=within)


def of_shape(value: Any, shape: Sequence[int]) -> Tensor:
    """Return an answer as float64 of this shape; NaN throughout if it is anything else."""
    if isinstance(value, Tensor) and value.shape == torch.Size(shape):
        return value.double()
    return torch.full(tuple(shape), torch.nan, dtype=torch.float64)


def stacked(values: Sequence[Tensor]) -> Tensor | None:
    """Return tensors of one shape as one tensor; None if there are none, or if their shapes differ."""
    if not values or len({value.shape for value in values}) > 1:
        return None
    return torch.stack(list(values))


def joined(values: Sequence[Tensor]) -> Tensor | None:
    """Return tensors one after another as one; None if there are none, or if they do not fit together."""
    if not values or any(not value.ndim for value in values) or len({v.shape[1:] for v in values}) > 1:
        return None
    return torch.cat(list(values))
