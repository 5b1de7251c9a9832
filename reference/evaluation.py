"""Two metrics that need no second network: held-out error of a denoiser, energy distance of its samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reference.diffuser import NoiseDiffuser
from reference.interfaces import NoisePredictor


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutProbe:
    """Noisy images together with the noise in them, which the evaluated predictor never sees.

    Attributes:
        x_t: noisy images, float (N, C, H, W).
        t: timestep of each image, float (N, 1), evenly spread over the schedule.
        target: noise to predict, shaped like ``x_t``; scaled if the diffuser's formulation returns it scaled.
    """

    x_t: Tensor
    t: Tensor
    target: Tensor


def held_out_probe(diffuser: NoiseDiffuser, images: Tensor, generator: torch.Generator) -> HeldOutProbe:
    """Noise each image once, at timesteps spread evenly over the schedule and assigned in random order.

    Even spacing instead of uniform sampling removes one source of variance from the error: every predictor is
    evaluated on the same mix of easy and hard timesteps.

    Args:
        diffuser: the forward process, in any formulation.
        images: x_0, float (N, C, H, W) in [0, 1], not used for training.
        generator: on the CPU, so that every device sees the same timesteps and noise.
    """
    evenly = torch.arange(len(images)) * diffuser.total_steps // len(images)
    steps = evenly[torch.randperm(len(images), generator=generator)]
    noise = torch.randn(images.shape, generator=generator)
    x_t, target = diffuser.noise_diffusion(images, steps, noise)
    return HeldOutProbe(x_t=x_t, t=steps.to(x_t).view(-1, 1), target=target)


def relative_error(predicted: Tensor, target: Tensor) -> float:
    """Return the mean squared error divided by the target's mean square: 0 is perfect, 1 is predicting zero.

    The target is zero-mean noise, so its mean square is its variance. Dividing by it makes formulations that
    scale the noise comparable with those that do not.

    Raises:
        ValueError: the shapes differ, which broadcasting would hide.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"predicted {tuple(predicted.shape)}, but the noise is {tuple(target.shape)}")
    return ((predicted - target).square().mean() / target.square().mean()).item()


@torch.no_grad()
def held_out_error(
    predict: NoisePredictor,
    diffuser: NoiseDiffuser,
    images: Tensor,
    generator: torch.Generator,
    *,
    batch_size: int = 128,
) -> float:
    """Return the relative error of the predicted noise on held-out images: the loss of eq. (14), normalized.

    Args:
        predict: network in the mode to be evaluated, or any function of (x_t, t).
        diffuser: the forward process that the network was trained with.
        images: x_0, float (N, C, H, W) in [0, 1], not used for training.
        generator: on the CPU; the same seed gives every predictor the same noisy images.
        batch_size: images per call of ``predict``.

    Returns:
        The error over all pixels of all images, relative to the target's variance; 0 to about 1, more for a
        predictor worse than zero.
    """
    probe = held_out_probe(diffuser, images, generator)
    batches = zip(torch.split(probe.x_t, batch_size), torch.split(probe.t, batch_size), strict=True)
    return relative_error(torch.cat([predict(x_t, t) for x_t, t in batches]), probe.target)


def energy_distance(samples: Tensor, real: Tensor) -> float:
    """Return the energy distance between two sets of images: ``2 E|X-Y| - E|X-X'| - E|Y-Y'|``.

    ``|.|`` is the Euclidean norm over all pixels of an image, in units of a pixel value. This is the
    unbiased estimate, in which no image is paired with itself: for two sets from one distribution its
    expectation is zero at any sample size, and single values can be slightly negative.

    Source: G. Székely and M. Rizzo 2013, "Energy statistics: a class of statistics based on distances".

    Args:
        samples: float (N, C, H, W), N > 1. Any shape after the first dimension; flattened here.
        real: float (M, C, H, W), M > 1.

    Raises:
        ValueError: a set has fewer than two images, or the images differ in size.
    """
    x, y = (images.detach().cpu().flatten(start_dim=1).double() for images in (samples, real))
    if len(x) < 2 or len(y) < 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"cannot compare sets of {tuple(samples.shape)} and {tuple(real.shape)}")
    return (2.0 * torch.cdist(x, y).mean() - _mean_distance_within(x) - _mean_distance_within(y)).item()


def _mean_distance_within(x: Tensor) -> Tensor:
    """Return the mean distance between two different rows of x, (N, D)."""
    # cdist uses matrix products and is faster than pdist; its zero diagonal drops out of the sum.
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))
