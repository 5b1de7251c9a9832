"""Formulas of known mistakes, with which a wrong recovered curve is compared.

A formula takes beta, alpha and alpha_bar of the right schedule, each (T,), and returns a curve, (T,). A match
names the misconception, so a mistake is recognised by what the code computes and not by its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Formula = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A misconception, by its id in misconceptions.toml, and the curve that it produces."""

    id: str
    formula: Formula


def delayed(curve: Tensor, first: float) -> Tensor:
    """Return the curve one step later, starting with ``first``."""
    return torch.cat([torch.full((1,), first, dtype=curve.dtype), curve[:-1]])


def advanced(curve: Tensor) -> Tensor:
    """Return the curve one step earlier, with its last value repeated."""
    return torch.cat([curve[1:], curve[-1:]])


IMAGE = (
    Mistake("image-root-missing", lambda b, a, ab: ab),
    Mistake("image-root-twice", lambda b, a, ab: ab**0.25),
    Mistake("image-alpha-for-alpha-bar", lambda b, a, ab: a.sqrt()),
    Mistake("image-alpha-unrooted", lambda b, a, ab: a),
    Mistake("image-beta", lambda b, a, ab: b.sqrt()),
    Mistake("image-beta", lambda b, a, ab: b),
    Mistake("image-and-noise-exchanged", lambda b, a, ab: (1 - ab).sqrt()),
    Mistake("image-and-noise-exchanged", lambda b, a, ab: 1 - ab),
    Mistake("step-early", lambda b, a, ab: delayed(ab, 1.0).sqrt()),
    Mistake("step-early", lambda b, a, ab: delayed(ab, ab[0].item()).sqrt()),
    Mistake("step-early", lambda b, a, ab: ab.roll(1).sqrt()),
    Mistake("step-late", lambda b, a, ab: advanced(ab).sqrt()),
    Mistake("image-not-faded", lambda b, a, ab: torch.ones_like(ab)),
)

NOISE = (
    Mistake("noise-root-missing", lambda b, a, ab: 1 - ab),
    Mistake("noise-root-twice", lambda b, a, ab: (1 - ab) ** 0.25),
    Mistake("noise-of-rooted", lambda b, a, ab: (1 - ab.sqrt()).sqrt()),
    Mistake("noise-one-minus-root", lambda b, a, ab: 1 - ab.sqrt()),
    Mistake("noise-alpha-for-alpha-bar", lambda b, a, ab: b.sqrt()),
    Mistake("noise-beta", lambda b, a, ab: b),
    Mistake("noise-as-strong-as-image", lambda b, a, ab: ab.sqrt()),
    Mistake("noise-as-strong-as-image", lambda b, a, ab: ab),
    Mistake("step-early", lambda b, a, ab: (1 - delayed(ab, 1.0)).sqrt()),
    Mistake("step-early", lambda b, a, ab: (1 - delayed(ab, ab[0].item())).sqrt()),
    Mistake("step-late", lambda b, a, ab: (1 - advanced(ab)).sqrt()),
    Mistake("noise-not-scaled", lambda b, a, ab: torch.ones_like(ab)),
    Mistake("noise-missing", lambda b, a, ab: torch.zeros_like(ab)),
)

# These take start, end and number of steps.
BETAS: tuple[tuple[str, Callable[[float, float, int], Tensor]], ...] = (
    ("betas-reversed", lambda s, e, n: torch.linspace(e, s, n)),
    ("betas-logarithmic", lambda s, e, n: torch.logspace(math.log10(s), math.log10(e), n)),
    ("betas-squared", lambda s, e, n: torch.linspace(s**0.5, e**0.5, n) ** 2),
    ("betas-without-end", lambda s, e, n: torch.linspace(s, e, n + 1)[:-1]),
    ("betas-without-start", lambda s, e, n: torch.linspace(s, e, n + 1)[1:]),
    ("betas-without-ends", lambda s, e, n: torch.linspace(s, e, n + 2)[1:-1]),
    ("betas-constant", lambda s, e, n: torch.full((n,), s)),
)

ALPHAS = (
    Mistake("alphas-are-betas", lambda b, a, ab: b),
    Mistake("alphas-accumulated", lambda b, a, ab: ab),
    Mistake("alphas-rooted", lambda b, a, ab: a.sqrt()),
)

ALPHA_BAR = (
    Mistake("alpha-bar-is-alpha", lambda b, a, ab: a),
    Mistake("alpha-bar-cumsum", lambda b, a, ab: a.cumsum(0)),
    Mistake("alpha-bar-cumsum", lambda b, a, ab: b.cumsum(0)),
    Mistake("alpha-bar-cumsum", lambda b, a, ab: 1 - b.cumsum(0)),
    Mistake("alpha-bar-cumprod-beta", lambda b, a, ab: b.cumprod(0)),
    Mistake("alpha-bar-rooted", lambda b, a, ab: ab.sqrt()),
    Mistake("alpha-bar-complement", lambda b, a, ab: 1 - ab),
    Mistake("alpha-bar-one-product", lambda b, a, ab: torch.full_like(ab, a.prod().item())),
    Mistake("alpha-bar-late", lambda b, a, ab: delayed(ab, 1.0)),
)


def close(curve: Tensor, other: Tensor, within: float) -> bool:
    """Return whether two curves agree everywhere, within a share of the largest value of ``other``."""
    if curve.shape != other.shape or not torch.isfinite(curve).all():
        return False
    scale = other.abs().max().clamp_min(1e-12)
    return bool(((curve - other).abs() <= within * scale).all())


def identify(
    curve: Tensor, mistakes: Sequence[Mistake], schedule: tuple[Tensor, Tensor, Tensor], within: float
) -> str | None:
    """Return the id of the misconception whose formula gives this curve, if any."""
    return next((m.id for m in mistakes if close(curve, m.formula(*schedule), within)), None)


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
