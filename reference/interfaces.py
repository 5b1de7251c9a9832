"""What the parts of a DDPM ask of one another, so that any one of them can be exchanged for a student's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor


class Schedule(Protocol):
    """The three curves of a noise schedule, each float of shape (T,), indexed by the step from 0."""

    betas: Tensor
    alphas: Tensor
    alpha_bar: Tensor


class ForwardProcess(Protocol):
    """Whatever can noise a batch of images in one jump."""

    def noise_diffusion(self, image: Tensor, t: list[int], /) -> tuple[Tensor, Tensor]:
        """From x_0 (B, C, H, W) and one step per image to x_t and what the network has to predict."""
        ...


class NoisePredictor(Protocol):
    """Whatever guesses the noise in an image; a network, or a formula where the data have one."""

    def __call__(self, x_t: Tensor, t: Tensor, /) -> Tensor:
        """From x_t (B, C, H, W) and the step numbers, float (B, 1), to the noise, shaped like x_t."""
        ...


class Loader(Protocol):
    """Batches of (images, labels), in epochs; a ``DataLoader``, or simply a list."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...
