"""Protocols between the parts of a DDPM, so that a student's part can replace any one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor


class Schedule(Protocol):
    """The three curves of a noise schedule, each float (T,), indexed by the timestep from 0."""

    betas: Tensor
    alphas: Tensor
    alpha_bar: Tensor


class ForwardProcess(Protocol):
    """Any object that can noise a batch of images in one jump."""

    def noise_diffusion(self, image: Tensor, t: list[int], /) -> tuple[Tensor, Tensor]:
        """Return x_t and the training target for x_0 (B, C, H, W) and one timestep per image."""
        ...


class NoisePredictor(Protocol):
    """A network that predicts the noise in an image, or a formula where the data have one."""

    def __call__(self, x_t: Tensor, t: Tensor, /) -> Tensor:
        """Return the predicted noise, shaped like x_t (B, C, H, W), at timesteps t, float (B, 1)."""
        ...


class Loader(Protocol):
    """An iterable of (images, labels) batches with a length: a ``DataLoader`` or a list."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...
