"""The ways in which the course can be read: three forward processes, each a formula with a name.

The paper (Ho et al. 2020, eq. 4) is one. The handout's own code takes the square root of alpha_bar before the
formula takes it again, and returns the noise as it was added; the handout's text prints the formula without
roots. A student who follows any of them followed the course, and what comes after is judged by the reading
chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from reference.diffuser import NoiseDiffuser


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to mix an image with noise:  x_t = signal(alpha_bar_t) * x_0 + noise(alpha_bar_t) * eps.

    Attributes:
        id: the name by which rubric and results know it.
        title: the name in a sentence for the student.
        signal: from alpha_bar, any shape, to the image's coefficient, same shape.
        noise: from alpha_bar, any shape, to the noise's coefficient, same shape.
        returns_scaled_noise: whether the noise handed to the network bears its coefficient already.
        note: what the report tells a student who chose this reading.
    """

    id: str
    title: str
    signal: Callable[[Tensor], Tensor]
    noise: Callable[[Tensor], Tensor]
    returns_scaled_noise: bool
    note: str

    def target(self, noise: Tensor, alpha_bar: Tensor) -> Tensor:
        """What the network has to predict: the noise as this reading returns it, shaped like ``noise``."""
        return self.noise(alpha_bar) * noise if self.returns_scaled_noise else noise


PAPER = Reading(
    id="paper",
    title="the paper",
    signal=lambda alpha_bar: alpha_bar**0.5,
    noise=lambda alpha_bar: (1.0 - alpha_bar) ** 0.5,
    returns_scaled_noise=False,
    note="Your forward process is the paper's: x_t = √ᾱ·x_0 + √(1−ᾱ)·ε, and the network learns ε.",
)

HANDOUT_CODE = Reading(
    id="handout-code",
    title="the handout's code",
    signal=lambda alpha_bar: alpha_bar**0.25,
    noise=lambda alpha_bar: (1.0 - alpha_bar**0.5) ** 0.5,
    returns_scaled_noise=True,
    note=(
        "Your forward process is that of the handout's code, which takes the root of ᾱ twice and returns the "
        "noise already scaled: accepted, though the paper has √ᾱ·x_0 + √(1−ᾱ)·ε and returns ε itself, and "
        "samples come out cleaner with it."
    ),
)

HANDOUT_TEXT = Reading(
    id="handout-text",
    title="the handout's text",
    signal=lambda alpha_bar: alpha_bar,
    noise=lambda alpha_bar: 1.0 - alpha_bar,
    returns_scaled_noise=False,
    note=(
        "Your forward process is that of the handout's text, ᾱ·x_0 + (1−ᾱ)·ε: accepted, though the paper "
        "takes the square root of both coefficients, so that an image of unit variance keeps it."
    ),
)

READINGS: Mapping[str, Reading] = MappingProxyType(
    {reading.id: reading for reading in (PAPER, HANDOUT_CODE, HANDOUT_TEXT)}
)


class ReadingDiffuser(NoiseDiffuser):
    """The same schedule, diffusing as a given reading has it."""

    def __init__(
        self,
        start_beta: float,
        end_beta: float,
        total_steps: int,
        device: torch.device | str = "cpu",
        *,
        reading: Reading,
    ) -> None:
        """Lay out the schedule; raises ValueError as ``NoiseDiffuser`` does."""
        super().__init__(start_beta, end_beta, total_steps, device)
        self.reading = reading

    def noise_diffusion(
        self, image: Tensor, t: Sequence[int] | Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """x_t by this reading, and the target: what this reading returns for the network to predict.

        Arguments, shapes and errors are those of ``NoiseDiffuser.noise_diffusion``; ``noise`` comes unscaled.
        """
        image, alpha_bar, noise = self._prepared(image, t, noise)
        x_t = self.reading.signal(alpha_bar) * image + self.reading.noise(alpha_bar) * noise
        return x_t, self.reading.target(noise, alpha_bar)
