"""Whether noise is drawn for every pixel by itself."""

from __future__ import annotations

from torch import Tensor


def neighbour_correlation(noise: Tensor) -> float:
    """Return the larger correlation of pixels that are neighbours, side by side or one above the other.

    For N independent pairs it is 0 ± 1/√N: at most 0.002 for the 300,000 pairs or more of a recovered
    process. Noise that is constant along rows has 1, in blocks of 2 x 2 pixels 0.5.
    """
    noise = noise.double()
    pairs = ((noise[..., 1:], noise[..., :-1]), (noise[..., 1:, :], noise[..., :-1, :]))
    return max(_correlation(one, other) for one, other in pairs)


def _correlation(one: Tensor, other: Tensor) -> float:
    a, b = one.flatten() - one.mean(), other.flatten() - other.mean()
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-30))
