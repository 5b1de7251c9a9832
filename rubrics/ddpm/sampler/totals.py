"""The noise of all sampling steps together, where single steps cannot be recovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch

from .formulas import RIGHT, Schedule
from .noise_levels import NoiseLevels
from .probe import RecoveredSampler
from .setup import STEPS


@dataclass(frozen=True, slots=True)
class TotalNoise:
    """Standard deviation of what the right coefficients leave of the result.

    With them the result is a linear function of x_T and the network's answers, plus the noise of each step
    multiplied by the x_t coefficients of the steps after it. Without the former, the noise is left.

    Attributes:
        measured: the standard deviation.
        accepted: what it should be, by the name of each accepted sigma.
    """

    measured: float
    accepted: dict[str, float]

    @classmethod
    def of(cls, sampling: RecoveredSampler, reference: Schedule) -> Self | None:
        """Measure the noise of a sampler that calls the network at every step, or once for all of them."""
        run = sampling.first
        answers = [call.output for call in run.calls if call.output is not None]
        answers *= STEPS if len(answers) == 1 else 1
        if run.result is None or [answer.shape for answer in answers] != [run.start.shape] * STEPS:
            return None
        x_factor, noise_factor = RIGHT(*reference.curves())
        levels = NoiseLevels.at(torch.ones(STEPS), list(range(STEPS)), reference)
        # gain[t]: product of the x_t coefficients of the steps below t
        gain = torch.cat([torch.ones(1, dtype=torch.float64), x_factor.cumprod(0)[:-1]])
        state = run.start.double()
        for answer, step in zip(answers, reversed(range(STEPS)), strict=True):
            state = x_factor[step] * state + noise_factor[step] * answer.double()
        # variances of independent noise add up
        accepted = {
            name: (sigma * gain[levels.steps]).norm().item() for name, sigma in levels.accepted().items()
        }
        return cls((run.result.double() - state).std().item(), accepted)

    def matching(self) -> str | None:
        """Return the name of the sigma that fits, or None.

        Standard error 0.8 % (7,840 pixels); 10 % also covers the optional noise of the last two steps.
        """
        return next(
            (name for name, sigma in self.accepted.items() if 0.9 < self.measured / sigma < 1.1), None
        )
