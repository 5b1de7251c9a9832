"""Compare a recovered curve or matrix with named formulas: the right ones, and those of known mistakes.

A match names the misconception, so a mistake is recognised by what the code computes and not by its text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Formula = Callable[..., Tensor]  # of what the right formula depends on


@dataclass(frozen=True, slots=True)
class Mistake:
    """A misconception, by its id in misconceptions.toml, and the curve or matrix that it produces."""

    id: str
    formula: Formula


def delayed(curve: Tensor, first: float) -> Tensor:
    """Return the curve one step later, starting with ``first``."""
    return torch.cat([torch.full((1,), first, dtype=curve.dtype), curve[:-1]])


def advanced(curve: Tensor) -> Tensor:
    """Return the curve one step earlier, with its last value repeated."""
    return torch.cat([curve[1:], curve[-1:]])


def close(curve: Tensor, other: Tensor, within: float) -> bool:
    """Return whether two curves agree everywhere, within a share of the largest value of ``other``."""
    if curve.shape != other.shape or not torch.isfinite(curve).all():
        return False
    scale = other.abs().max().clamp_min(1e-12)
    return bool(((curve - other).abs() <= within * scale).all())


def identify(
    curve: Tensor, mistakes: Sequence[Mistake], arguments: Sequence[Any], within: float
) -> str | None:
    """Return the id of the first misconception whose formula gives this curve, if any.

    Args:
        arguments: what the formulas take.
        within: as for ``close``.
    """
    return next((m.id for m in mistakes if close(curve, m.formula(*arguments), within)), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """A measured and a right value at a step where they differ."""

    step: int
    alone: bool
    measured: float
    right: float

    @property
    def expected(self) -> str:
        """The right value for the report."""
        return f"{self.right:.4f} at step {self.step}"

    @property
    def actual(self) -> str:
        """The measured value for the report."""
        return f"{self.measured:.4f}"

    def sentence(self, quantity: str) -> str:
        """Return a sentence with both values, to as many digits as tell them apart."""
        digits = 2 if abs(self.measured - self.right) >= 0.01 else 4
        where = f"At step {self.step} alone" if self.alone else f"At step {self.step}"
        return f"{where} your {quantity} is {self.measured:.{digits}f}; expected {self.right:.{digits}f}."


def compare_at_a_wrong_step(measured: Tensor, right: Tensor, *, within: float, usual: int) -> Difference:
    """Return the difference of two curves at the usual step, or where it is largest if they agree there."""
    deviation = (measured - right).abs().nan_to_num(torch.inf)
    wrong = deviation > within * right.abs().max()
    step = usual if wrong[usual] else int(deviation.argmax())
    alone = int(wrong.sum()) == 1
    return Difference(step, alone, float(measured[step]), float(right[step]))


def constant_factor(measured: Tensor, right: Tensor, within: float) -> float | None:
    """Return the number by which a curve is multiplied at every step; None if there is no such number."""
    factor = float((measured @ right) / (right @ right))
    same = abs(factor) > 0.01 and close(measured / factor, right, within)
    return factor if same and abs(factor - 1) > within else None
