"""Coefficients of x_t and of the predicted noise in one sampling step: the correct ones and known mistakes.

Source: Ho et al. 2020, algorithm 2. Every formula takes beta, alpha and alpha_bar, each (T,), and returns the
two coefficients, each (T,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

Factors = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Schedule(Protocol):
    """Curves that a sampler may read: the given diffuser's, or its own."""

    def curves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return betas, alphas and alpha_bar, each float64 (T,)."""
        ...


RIGHT: Factors = lambda b, a, ab: (a**-0.5, -b * a**-0.5 * (1 - ab) ** -0.5)  # noqa: E731


def _read_elsewhere() -> Iterator[Factors]:
    """Yield the right formula with some curves read one step earlier or later, or always at one end."""
    readings: list[Callable[[Tensor], Tensor]] = [
        lambda curve: torch.cat([curve[:1], curve[:-1]]),
        lambda curve: curve.roll(1),
        lambda curve: torch.cat([curve[1:], curve[-1:]]),
        lambda curve: curve[:1].expand_as(curve),
        lambda curve: curve[-1:].expand_as(curve),
    ]

    def product(outer: Tensor, beta: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor]:
        return outer**-0.5, -beta * outer**-0.5 * (1 - alpha_bar) ** -0.5

    for read in readings:
        yield lambda b, a, ab, read=read: product(read(a), b, ab)  # type: ignore[misc]
        yield lambda b, a, ab, read=read: product(a, read(b), ab)  # type: ignore[misc]
        yield lambda b, a, ab, read=read: product(a, b, read(ab))  # type: ignore[misc]
        yield lambda b, a, ab, read=read: product(read(a), read(b), ab)  # type: ignore[misc]
        yield lambda b, a, ab, read=read: product(a, read(b), read(ab))  # type: ignore[misc]
        yield lambda b, a, ab, read=read: product(read(a), b, read(ab))  # type: ignore[misc]
        yield lambda b, a, ab, read=read: product(read(a), read(b), read(ab))  # type: ignore[misc]


def _ddim(beta: Tensor, alpha: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factors of DDIM with η = 0: Song et al. 2021, eq. (12)."""
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    return alpha**-0.5, (1 - before).sqrt() - ((1 - alpha_bar) / alpha).sqrt()


def _alpha_bar_before(beta: Tensor, alpha: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor]:
    before = torch.cat([alpha_bar[:1], alpha_bar[:-1]])  # before the first step, 1 - 1 would divide by zero
    return RIGHT(beta, alpha, before)


# By misconception id. The order matters: the first match is reported.
MISTAKES: Sequence[tuple[str, Factors]] = (
    ("factor-missing", lambda b, a, ab: (a * 0 + 1, -b * (1 - ab) ** -0.5)),
    ("alpha-for-alpha-bar-inside", lambda b, a, ab: (a**-0.5, -b * a**-0.5 * b**-0.5)),
    ("alpha-and-beta-exchanged", lambda b, a, ab: (b**-0.5, -a * b**-0.5 * (1 - ab) ** -0.5)),
    ("alpha-bar-outside", lambda b, a, ab: (ab**-0.5, -b * (ab * (1 - ab)) ** -0.5)),
    ("sign", lambda b, a, ab: (a**-0.5, b * a**-0.5 * (1 - ab) ** -0.5)),
    ("root-missing-outside", lambda b, a, ab: (1 / a, -b / a * (1 - ab) ** -0.5)),
    ("root-missing-inside", lambda b, a, ab: (a**-0.5, -b * a**-0.5 / (1 - ab))),
    ("noise-whole", lambda b, a, ab: (a**-0.5, -(a**-0.5))),
    ("factor-only-on-x", lambda b, a, ab: (a**-0.5, -b * (1 - ab) ** -0.5)),
    ("factor-only-on-noise", lambda b, a, ab: (a * 0 + 1, -b * a**-0.5 * (1 - ab) ** -0.5)),
    ("alpha-for-beta", lambda b, a, ab: (a**-0.5, -a * a**-0.5 * (1 - ab) ** -0.5)),
    ("root-of-alpha", lambda b, a, ab: (a**0.5, -b * a**0.5 * (1 - ab) ** -0.5)),
    ("precedence", lambda b, a, ab: (a**-0.5, -(a**-0.5) * (1 - a * (1 - ab) ** -0.5))),
    ("bracket-reversed", lambda b, a, ab: (-(a**-0.5), b * a**-0.5 * (1 - ab) ** -0.5)),
    ("update-twice", lambda b, a, ab: (1 / a, -b * (1 / a + a**-0.5) * (1 - ab) ** -0.5)),
    ("root-multiplies", lambda b, a, ab: (a**-0.5, -b * a**-0.5 * (1 - ab) ** 0.5)),
    ("alpha-bar-complement-missing", lambda b, a, ab: (a**-0.5, -b * (a * ab) ** -0.5)),
    ("beta-missing", lambda b, a, ab: (a**-0.5, -(a**-0.5) * (1 - ab) ** -0.5)),
    ("beta-missing", lambda b, a, ab: (a**-0.5, -(a**-0.5) * (1 - ab) ** 0.5)),
    ("ddim", _ddim),
    ("alpha-bar-before-inside", _alpha_bar_before),
    *(("curve-of-another-step", factors) for factors in _read_elsewhere()),
)
