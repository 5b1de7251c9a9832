"""Standard deviation of the noise between sampling steps: measured, accepted, and by misconception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import torch
from torch import Tensor

from .formulas import Schedule


class Expected(TypedDict):
    """Keyword argument of ``Unmet``: what was expected."""

    expected: str


class Actual(TypedDict):
    """Keyword argument of ``Unmet``: what was found."""

    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseLevels:
    """Measured sigmas of the steps that must add noise, with the schedule at these steps.

    Attributes:
        noisy: indices of these updates: all but those of the last two timesteps, where common implementations
            differ in whether they add noise.
        steps: timestep of each, int64 (N,).
        measured: sigma of each, float64 (N,).
        beta, alpha, alpha_bar: the schedule at each, float64 (N,).
        alpha_bar_before: alpha_bar one timestep earlier, float64 (N,).
        elsewhere: sigmas of curves that are read at another timestep, each float64 (N,).
    """

    noisy: list[int]
    steps: Tensor
    measured: Tensor
    beta: Tensor
    alpha: Tensor
    alpha_bar: Tensor
    alpha_bar_before: Tensor
    elsewhere: tuple[Tensor, ...]

    @classmethod
    def at(cls, sigmas: Tensor, order: Sequence[int], reference: Schedule) -> Self:
        """Return the levels of updates whose timesteps are ``order``."""
        noisy = [number for number, step in enumerate(order) if step > 1]
        steps = torch.tensor([order[number] for number in noisy], dtype=torch.int64)
        beta, alpha, alpha_bar = reference.curves()
        alpha_bar_before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
        return cls(
            noisy=noisy,
            steps=steps,
            measured=sigmas[noisy].double(),
            beta=beta[steps],
            alpha=alpha[steps],
            alpha_bar=alpha_bar[steps],
            alpha_bar_before=alpha_bar_before[steps],
            elsewhere=tuple(curve[steps] for curve in _read_elsewhere(beta, alpha_bar)),
        )

    def accepted(self) -> dict[str, Tensor]:
        """Return the two accepted sigmas, float64 (N,), by name: Ho et al. 2020, section 3.2."""
        posterior = self.beta * (1 - self.alpha_bar_before) / (1 - self.alpha_bar)
        return {"√β": self.beta.sqrt(), "the posterior deviation": posterior.sqrt()}

    def mistakes(self) -> list[tuple[str, Tensor]]:
        """Return the sigma of each misconception, float64 (N,), by its id."""
        return [
            ("z-times-beta", self.beta),
            ("z-unscaled", torch.ones_like(self.beta)),
            ("sigma-of-alpha", self.alpha.sqrt()),
            ("sigma-mean-factor", self.beta / (1 - self.alpha_bar).sqrt()),
            ("sigma-of-alpha-bar", (1 - self.alpha_bar).sqrt()),
            ("sigma-inside", (self.beta / self.alpha).sqrt()),
            ("sigma-of-signal", self.alpha_bar.sqrt()),
            ("sigma-unrooted-posterior", self._posterior(self.beta)),
            ("sigma-posterior-of-alpha", self._posterior(self.alpha).sqrt()),
            *(("sigma-of-another-step", curve) for curve in self.elsewhere),
        ]

    def _posterior(self, beta: Tensor) -> Tensor:
        return beta * (1 - self.alpha_bar_before) / (1 - self.alpha_bar)

    @property
    def expected(self) -> Expected:
        """The expected sigma halfway through sampling, in words."""
        middle = len(self.noisy) // 2
        return {"expected": f"σ = {self.beta[middle].sqrt():.3f} at step {int(self.steps[middle])}"}

    @property
    def actual(self) -> Actual:
        """The measured sigma halfway through sampling, in words."""
        return {"actual": f"σ = {self.measured[len(self.noisy) // 2]:.3f}"}


def _read_elsewhere(beta: Tensor, alpha_bar: Tensor) -> list[Tensor]:
    """Return sigmas, (T,), of curves that are read one step earlier or later, or always at one end."""
    before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
    after = torch.cat([alpha_bar[1:], alpha_bar[-1:]])
    betas = [
        beta.roll(1),
        torch.cat([beta[1:], beta[-1:]]),
        beta[:1].expand_as(beta),
        beta[-1:].expand_as(beta),
    ]
    pairs = [(before, after), (after, alpha_bar), (before.roll(1), alpha_bar), (before.roll(1), before)]
    posteriors = [beta * (1 - earlier) / (1 - later).clamp_min(1e-12) for earlier, later in pairs]
    posteriors += [other * (1 - before) / (1 - alpha_bar) for other in betas]
    return [curve.clamp_min(0).sqrt() for curve in (*betas, *posteriors)]
