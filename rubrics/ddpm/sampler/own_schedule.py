"""A schedule of the sampler's own, inferred from its steps: global arrays, class attributes or buffers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from .formulas import Schedule
from .recovery import RESOLVABLE, SamplerStep

_FEWEST = 16  # steps; one free parameter then leaves at least fourteen equations


@dataclass(frozen=True, slots=True)
class OwnSchedule:
    """The curves with which every step follows the formula, although they are not the given diffuser's.

    The coefficient of x_t gives α = 1/a², and that of the noise must then agree at every step with an ᾱ whose
    successive ratios are these α. Only the first ᾱ is free: an array may be read from its middle.

    Attributes:
        betas, alphas, alpha_bar: float64 (N,); the N-th of the steps taken comes first.
    """

    betas: Tensor
    alphas: Tensor
    alpha_bar: Tensor

    @classmethod
    def of(cls, updates: Sequence[SamplerStep], reference: Schedule) -> Self | None:
        """Return the schedule behind the updates; None if there is none, or if it is the reference's."""
        unknown = sum(not math.isfinite(update.x_error) for update in updates[:1])  # the same x_t twice
        known = updates[unknown:]
        if len(known) < _FEWEST or any(
            not math.isfinite(update.x_error) or update.peak > RESOLVABLE for update in known
        ):
            return None
        x = torch.tensor([update.x_factor for update in reversed(known)], dtype=torch.float64)
        noise = torch.tensor([update.noise_factor for update in reversed(known)], dtype=torch.float64)
        if not (bool((x > 1).all()) and bool((noise < 0).all())):
            return None
        alphas = x**-2
        betas = 1 - alphas
        if _is_read_from(betas, reference.curves()[0]):
            return None
        second = 1 - (betas[1] * x[1] / noise[1]) ** 2  # of the last step but one: the last may be rescaled
        alpha_bar = (second / alphas[1]) * alphas.cumprod(0) / alphas[0]
        alpha_bar = torch.cat([(second / alphas[1])[None], alpha_bar[1:]])
        if not bool(((alpha_bar > 0) & (alpha_bar < 1)).all()):
            return None
        # Inferred from float32 coefficients, the smallest usual β, 1e-4, is known to 0.1 %. Six standard
        # errors cover runs from the same noise, which barely differ at first. 1 - ᾱ of the last step is a
        # difference of two such numbers.
        errors = torch.tensor([update.x_error for update in reversed(known)], dtype=torch.float64)
        within = 0.01 + 6 * 2 * errors / betas
        within[0] += 0.04
        differs = (noise * (1 - alpha_bar).sqrt() / (betas * x) + 1).abs()
        if within.median() > 0.02 or bool((differs > within).any()):
            return None
        ends = [torch.cat([curve, curve[-1:].expand(unknown)]) for curve in (betas, alphas, alpha_bar)]
        return cls(*ends)

    def curves(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return betas, alphas and alpha_bar, each float64 (N,)."""
        return self.betas, self.alphas, self.alpha_bar

    def __str__(self) -> str:
        """Describe it by its ends."""
        return f"β from {self.betas[0]:.2g} to {self.betas[-1]:.2g}"


def _is_read_from(betas: Tensor, curve: Tensor) -> bool:
    """Return whether the betas are those of a curve, at the same or at another index."""
    count = min(len(betas), len(curve)) - 4
    shifts = range(-4, 5)
    parts = [(betas[4 : count - 4], curve[4 + shift : count - 4 + shift]) for shift in shifts]
    return any(bool(((own / other - 1).abs() < 0.02).all()) for own, other in parts if len(own) == len(other))
