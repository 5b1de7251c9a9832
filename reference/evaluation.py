"""How good is a denoiser, and how good are samples: two numbers that need no eye and no second network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from reference.diffuser import NoiseDiffuser
from reference.interfaces import NoisePredictor


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutProbe:
    """Noisy images of which the noise is known, but not to the one who is asked for it.

    Attributes:
        x_t: float (N, C, H, W).
        t: the step of each, float (N, 1), evenly spread over the schedule.
        target: what should be predicted, shaped like ``x_t``; scaled where the diffuser's reading scales it.
    """

    x_t: Tensor
    t: Tensor
    target: Tensor


def held_out_probe(diffuser: NoiseDiffuser, images: Tensor, generator: torch.Generator) -> HeldOutProbe:
    """Noise every image once, at steps that are spread evenly over the schedule and dealt out at random.

    Args:
        diffuser: the forward process, of whatever reading.
        images: x_0, float (N, C, H, W) in [0, 1], that nobody trained on.
        generator: on the CPU, so that every device gets the same steps and the same noise.
    """
    evenly = torch.arange(len(images)) * diffuser.total_steps // len(images)
    steps = evenly[torch.randperm(len(images), generator=generator)]
    noise = torch.randn(images.shape, generator=generator)
    x_t, target = diffuser.noise_diffusion(images, steps, noise)
    return HeldOutProbe(x_t=x_t, t=steps.to(x_t).view(-1, 1), target=target)


def relative_error(predicted: Tensor, target: Tensor) -> float:
    """Mean squared error in units of the target's mean square: 0 is perfect, 1 is what predicting zero gives.

    The target is noise around zero, so its mean square is its variance; dividing by it makes readings
    comparable that scale the noise and readings that do not.

    Raises:
        ValueError: the shapes differ (broadcasting would hide it).
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
    """How far a predictor is from the noise in images that it never saw, 0 to 1 (or worse), as in eq. (14).

    Args:
        predict: the network, in the mode it should be judged in, or any function of (x_t, t).
        diffuser: the forward process that it was trained with.
        images: x_0, float (N, C, H, W) in [0, 1], that it was not trained on.
        generator: on the CPU; the same seed asks every predictor the same questions.
        batch_size: images per call of ``predict``.

    Returns:
        The error of all pixels of all images together, relative to the target's variance.
    """
    probe = held_out_probe(diffuser, images, generator)
    batches = zip(torch.split(probe.x_t, batch_size), torch.split(probe.t, batch_size), strict=True)
    return relative_error(torch.cat([predict(x_t, t) for x_t, t in batches]), probe.target)


def energy_distance(samples: Tensor, real: Tensor) -> float:
    """How far apart two sets of images are as distributions, in pixel units: 2 E|X-Y| - E|X-X'| - E|Y-Y'|.

    The unbiased form, in which no image is compared with itself: two sets from one distribution give zero on
    average whatever their sizes, so now and then a little less than zero.

    Source: G. Székely and M. Rizzo 2013, "Energy statistics: a class of statistics based on distances".

    Args:
        samples: float (N, C, H, W), N > 1; any shape after the first dimension, flattened here.
        real: float (M, C, H, W), M > 1.

    Raises:
        ValueError: a set has fewer than two images, or the images differ in size.
    """
    x, y = (images.detach().cpu().flatten(start_dim=1).double() for images in (samples, real))
    if len(x) < 2 or len(y) < 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"cannot compare sets of {tuple(samples.shape)} and {tuple(real.shape)}")
    return (2.0 * torch.cdist(x, y).mean() - _mean_distance_within(x) - _mean_distance_within(y)).item()


def _mean_distance_within(x: Tensor) -> Tensor:
    """The mean distance between two different rows of x, (N, D)."""
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))  # by matrix products, faster than pdist
