"""Accepted formulations of the forward process: the paper's and the two that the handout suggests.

The paper (Ho et al. 2020, eq. 4) is one. The handout's code takes the square root of alpha_bar before its
formula takes it again, and returns the noise already scaled; the handout's text prints the formula without
square roots. Following any of them is following the course, so all three earn full credit, and everything
built on the forward process is judged under the formulation that was chosen.

The code calls a formulation a reading (of the course), as the result's JSON field ``reading`` does.
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
    """A rule for mixing image and noise:  x_t = signal(alpha_bar_t) * x_0 + noise(alpha_bar_t) * eps.

    Attributes:
        id: identifier in the rubric and in results.
        title: name of the formulation inside a sentence for the student.
        signal: coefficient of the image as a function of alpha_bar, elementwise.
        noise: coefficient of the noise as a function of alpha_bar, elementwise.
        returns_scaled_noise: True if the returned noise is already multiplied by its coefficient.
        note: sentence in the report for students who use this formulation.
    """

    id: str
    title: str
    signal: Callable[[Tensor], Tensor]
    noise: Callable[[Tensor], Tensor]
    returns_scaled_noise: bool
    note: str

    def target(self, noise: Tensor, alpha_bar: Tensor) -> Tensor:
        """Return what the network must predict: the noise as this formulation returns it, same shape."""
        return self.noise(alpha_bar) * noise if self.returns_scaled_noise else noise


PAPER = Reading(
    id="paper",
    title="the paper",
    signal=lambda alpha_bar: alpha_bar**0.5,
    noise=lambda alpha_bar: (1.0 - alpha_bar) ** 0.5,
    returns_scaled_noise=False,
    note="Your forward process is the paper's: x_t = √ᾱ·x_0 + √(1−ᾱ)·ε, and the network learns ε.",
)

# alpha_bar ** 0.25: the handout stores sqrt(alpha_bar) and takes the square root of that again.
HANDOUT_CODE = Reading(
    id="handout-code",
    title="the handout's code",
    signal=lambda alpha_bar: alpha_bar**0.25,
    noise=lambda alpha_bar: (1.0 - alpha_bar**0.5) ** 0.5,
    returns_scaled_noise=True,
    note=(
        "Your forward process follows the handout's code, which takes the square root of ᾱ twice and returns "
        "the noise already scaled. This is accepted. The paper has √ᾱ·x_0 + √(1−ᾱ)·ε and returns ε itself; "
        "with it, samples come out cleaner."
    ),
)

HANDOUT_TEXT = Reading(
    id="handout-text",
    title="the handout's text",
    signal=lambda alpha_bar: alpha_bar,
    noise=lambda alpha_bar: 1.0 - alpha_bar,
    returns_scaled_noise=False,
    note=(
        "Your forward process follows the handout's text, ᾱ·x_0 + (1−ᾱ)·ε. This is accepted. The paper takes "
        "the square root of both coefficients, so that an image of unit variance keeps its variance."
    ),
)

READINGS: Mapping[str, Reading] = MappingProxyType(
    {reading.id: reading for reading in (PAPER, HANDOUT_CODE, HANDOUT_TEXT)}
)


class ReadingDiffuser(NoiseDiffuser):
    """A ``NoiseDiffuser`` with the same schedule that mixes image and noise by a given formulation."""

    def __init__(
        self,
        start_beta: float,
        end_beta: float,
        total_steps: int,
        device: torch.device | str = "cpu",
        *,
        reading: Reading,
    ) -> None:
        """Compute the schedule; raises ValueError as ``NoiseDiffuser`` does."""
        super().__init__(start_beta, end_beta, total_steps, device)
        self.reading = reading

    def noise_diffusion(
        self, image: Tensor, t: Sequence[int] | Tensor, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return x_t and the training target under this formulation.

        Arguments, shapes and errors are those of ``NoiseDiffuser.noise_diffusion``; pass ``noise`` unscaled.
        """
        image, alpha_bar, noise = self._prepare(image, t, noise)
        x_t = self.reading.signal(alpha_bar) * image + self.reading.noise(alpha_bar) * noise
        return x_t, self.reading.target(noise, alpha_bar)
