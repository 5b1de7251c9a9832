"""Formulas by name: what a recovered curve is compared with, the right ones and the known mistakes.

Every formula takes the true schedule's beta, alpha and alpha_bar, each (T,), and gives a curve, (T,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Formula = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A known mistake: the curve that reveals it, and what to say of it (a clause that follows "that is")."""

    id: str
    formula: Formula
    words: str
    credit: float = 0.0


def shifted(curve: Tensor, first: float) -> Tensor:
    """The curve one step late, beginning with ``first``."""
    return torch.cat([torch.full((1,), first, dtype=curve.dtype), curve[:-1]])


IMAGE: tuple[Mistake, ...] = (
    Mistake("image-root-missing", lambda b, a, ab: ab, "ᾱ itself: the square root is missing"),
    Mistake("image-root-twice", lambda b, a, ab: ab**0.25, "⁴√ᾱ: the root was taken twice"),
    Mistake(
        "image-alpha-for-alpha-bar", lambda b, a, ab: a.sqrt(), "√α: one step's α where the product ᾱ belongs"
    ),
    Mistake("image-alpha-unrooted", lambda b, a, ab: a, "α of one step, without product or root"),
    Mistake("image-beta", lambda b, a, ab: b.sqrt(), "√β: the noise's variance of one step"),
    Mistake(
        "image-and-noise-exchanged", lambda b, a, ab: (1 - ab).sqrt(), "√(1−ᾱ): that belongs to the noise"
    ),
    Mistake("step-early", lambda b, a, ab: shifted(ab, 1.0).sqrt(), "√ᾱ of the step before: t is off by one"),
    Mistake("step-early", lambda b, a, ab: ab.roll(1).sqrt(), "√ᾱ of the step before: t is off by one"),
    Mistake(
        "step-late",
        lambda b, a, ab: torch.cat([ab[1:], ab[-1:]]).sqrt(),
        "√ᾱ of the step after: t is off by one",
    ),
    Mistake("image-not-faded", lambda b, a, ab: torch.ones_like(ab), "1: the image is not dimmed at all"),
)

NOISE: tuple[Mistake, ...] = (
    Mistake("noise-root-missing", lambda b, a, ab: 1 - ab, "1−ᾱ: the square root is missing", credit=0.5),
    Mistake("noise-root-twice", lambda b, a, ab: (1 - ab) ** 0.25, "⁴√(1−ᾱ): the root was taken twice"),
    Mistake(
        "noise-of-rooted",
        lambda b, a, ab: (1 - ab.sqrt()).sqrt(),
        "√(1−√ᾱ): ᾱ was rooted before it came here",
    ),
    Mistake("noise-alpha-for-alpha-bar", lambda b, a, ab: b.sqrt(), "√(1−α): one step's α where ᾱ belongs"),
    Mistake("noise-beta", lambda b, a, ab: b, "β: the variance of one step"),
    Mistake("image-and-noise-exchanged", lambda b, a, ab: ab.sqrt(), "√ᾱ: that belongs to the image"),
    Mistake(
        "noise-one-minus-root", lambda b, a, ab: 1 - ab.sqrt(), "1−√ᾱ: root and difference are exchanged"
    ),
    Mistake("noise-not-scaled", lambda b, a, ab: torch.ones_like(ab), "1: the noise is not scaled at all"),
    Mistake("noise-missing", lambda b, a, ab: torch.zeros_like(ab), "0: no noise is added"),
)

BETAS: tuple[tuple[str, Callable[[float, float, int], Tensor], str], ...] = (
    ("betas-reversed", lambda s, e, n: torch.linspace(e, s, n).double(), "the schedule runs backwards"),
    (
        "betas-logarithmic",
        lambda s, e, n: torch.logspace(
            torch.tensor(s).log10().item(), torch.tensor(e).log10().item(), n
        ).double(),
        "the values are spaced logarithmically, not linearly",
    ),
    (
        "betas-squared",
        lambda s, e, n: torch.linspace(s**0.5, e**0.5, n).double() ** 2,
        "the values are squares of a linear schedule",
    ),
    (
        "betas-without-end",
        lambda s, e, n: s + (e - s) * torch.arange(n).double() / n,
        "the last value falls short of the end: the steps are divided by T, not T − 1",
    ),
    ("betas-constant", lambda s, e, n: torch.full((n,), s).double(), "all values are the start"),
)

ALPHA_BAR: Mapping[str, tuple[Formula, str]] = {
    "alpha-bar-is-alpha": (lambda b, a, ab: a, "these are the α themselves: nothing is accumulated"),
    "alpha-bar-cumsum": (lambda b, a, ab: a.cumsum(0), "this is the running sum of the α, not their product"),
    "alpha-bar-cumprod-beta": (lambda b, a, ab: b.cumprod(0), "this is the running product of the β"),
    "alpha-bar-rooted": (lambda b, a, ab: ab.sqrt(), "this is the square root of ᾱ"),
    "alpha-bar-complement": (lambda b, a, ab: 1 - ab, "this is 1 − ᾱ"),
    "alpha-bar-one-product": (
        lambda b, a, ab: torch.full_like(ab, a.prod().item()),
        "this is one product of all α, not a running one",
    ),
    "alpha-bar-late": (lambda b, a, ab: shifted(ab, 1.0), "this is ᾱ of the step before: it is off by one"),
}


def close(curve: Tensor, other: Tensor, within: float) -> bool:
    """Whether two curves agree everywhere, within a share of the larger one's greatest value."""
    if curve.shape != other.shape or not torch.isfinite(curve).all():
        return False
    scale = other.abs().max().clamp_min(1e-12)
    return bool(((curve - other).abs() <= within * scale).all())


def name_of(
    curve: Tensor, mistakes: tuple[Mistake, ...], schedule: tuple[Tensor, Tensor, Tensor], within: float
) -> Mistake | None:
    """The known mistake whose formula gives this curve."""
    return next((m for m in mistakes if close(curve, m.formula(*schedule), within)), None)
