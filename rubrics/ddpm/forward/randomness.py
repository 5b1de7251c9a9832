"""Tests of sampled noise: independence of pixels, images and calls, and uniform distributions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# The usual uniform distributions, by mean over deviation: their deviations. [0, 1) has the mean 1/2.
_UNIFORM = {math.sqrt(3): (1 / math.sqrt(12),), 0.0: (1.0, 1 / math.sqrt(3), 1 / math.sqrt(12))}

MOST_ALIKE = 0.1  # correlation of neighbours; that of independent ones is 0 ± 0.002, at one step ± 0.03


def neighbour_correlation(noise: Tensor) -> float:
    """Return the larger correlation of pixels that are neighbours, side by side or one above the other.

    For N independent pairs it is 0 ± 1/√N: at most 0.002 for the 300,000 pairs or more of a recovered
    process. Noise that is constant along rows has 1, in blocks of 2 x 2 pixels 0.5.
    """
    noise = noise.double()
    pairs = ((noise[..., 1:], noise[..., :-1]), (noise[..., 1:, :], noise[..., :-1, :]))
    return max(_correlation(one, other) for one, other in pairs)


def is_same_noise(one: Tensor, other: Tensor) -> bool:
    """Return whether two noise images are the same one. Over 784 pixels, independent ones have 0 ± 0.04."""
    return abs(_correlation(one, other)) > 0.5


def is_independent(added: Tensor) -> bool:
    """Return whether the noise is drawn anew for every pixel, image and call.

    Args:
        added: the noise as it was added, (T, B, 1, H, W); each step is a call.
    """
    last, before = added[-1].double(), added[-2].double()
    repeated = is_same_noise(last[0], last[1]) or is_same_noise(last[0], before[0])
    return not repeated and neighbour_correlation(last) <= MOST_ALIKE


def _correlation(one: Tensor, other: Tensor) -> float:
    a, b = one.flatten() - one.mean(), other.flatten() - other.mean()
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-30))


def uniform_moments(added: Tensor) -> tuple[float, float] | None:
    """Return mean and deviation of uniform noise before it was scaled; None if it is not uniform.

    Uniform noise has a kurtosis of 1.8 at any scale, normal noise 3; that of a recovered process is known to
    0.01. At the last step nearly nothing of the image is left, so there the noise is scaled by about 1.

    Args:
        added: the noise as it was added, (T, B, 1, H, W).
    """
    flat = added.double().flatten(1)
    mean, deviation = flat.mean(1), flat.std(1)
    drawn = deviation > 1e-4
    if not drawn[-1] or not torch.isfinite(flat).all():
        return None
    standard = (flat[drawn] - mean[drawn, None]) / deviation[drawn, None]
    relative = float((mean[drawn] / deviation[drawn]).mean())
    if abs(float(standard.square().square().mean()) - 1.8) > 0.05:
        return None
    for ratio, deviations in _UNIFORM.items():
        if abs(relative - ratio) < 0.05:
            right = min(deviations, key=lambda one: abs(math.log(float(deviation[-1]) / one)))
            return ratio * right, right
    return None
