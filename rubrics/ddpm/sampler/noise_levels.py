"""How strong the noise between sampling steps is, beside what it may be and the known mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypedDict

import torch
from torch import Tensor

from reference.diffuser import NoiseDiffuser


class Expected(TypedDict):
    """Words for what should be."""

    expected: str


class Actual(TypedDict):
    """Words for what is."""

    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseLevels:
    """Measured sigmas of the steps that must have noise, with the schedule there.

    Attributes:
        late: which of the updates these are: all but the last two steps', where either is common usage.
        steps: the step of each.
        measured: its sigma, float64.
        beta, alpha, alpha_bar, before: the schedule at each, ``before`` being alpha_bar one step earlier.
    """

    late: list[int]
    steps: Tensor
    measured: Tensor
    beta: Tensor
    alpha: Tensor
    alpha_bar: Tensor
    before: Tensor

    @classmethod
    def at(cls, sigmas: Tensor, order: Sequence[int], truth: NoiseDiffuser) -> Self:
        """The sigmas of updates that are meant for the steps in ``order``."""
        late = [number for number, step in enumerate(order) if step > 1]
        steps = torch.tensor([order[number] for number in late], dtype=torch.int64)
        beta, alpha, alpha_bar = truth.curves()
        before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
        return cls(
            late=late,
            steps=steps,
            measured=sigmas[late].double(),
            beta=beta[steps],
            alpha=alpha[steps],
            alpha_bar=alpha_bar[steps],
            before=before[steps],
        )

    def accepted(self) -> dict[str, Tensor]:
        """Both variances of the paper, section 3.2, as standard deviations."""
        posterior = self.beta * (1 - self.before) / (1 - self.alpha_bar)
        return {"√β": self.beta.sqrt(), "the posterior deviation": posterior.sqrt()}

    def mistakes(self) -> list[tuple[str, Tensor]]:
        """The curve that each misconception about σ gives."""
        return [
            ("z-times-beta", self.beta),
            ("z-unscaled", torch.ones_like(self.beta)),
            ("sigma-of-alpha", self.alpha.sqrt()),
            ("sigma-mean-factor", self.beta / (1 - self.alpha_bar).sqrt()),
            ("sigma-of-alpha-bar", (1 - self.alpha_bar).sqrt()),
            ("sigma-inside", (self.beta / self.alpha).sqrt()),
        ]

    @property
    def expected(self) -> Expected:
        """The right strength half way, in words."""
        middle = len(self.late) // 2
        return {"expected": f"σ = {self.beta[middle].sqrt():.3f} at step {int(self.steps[middle])}"}

    @property
    def actual(self) -> Actual:
        """The measured strength half way, in words."""
        return {"actual": f"σ = {self.measured[len(self.late) // 2]:.3f}"}
