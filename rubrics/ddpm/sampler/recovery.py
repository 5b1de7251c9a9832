"""Recover the coefficients of one sampling step by least squares.

A sampling step is affine: x_{t-1} = a * x_t + b * eps + sigma * z. In the difference of two runs with the
same z,

    x_{t-1} - x'_{t-1} = a * (x_t - x'_t) + b * (eps - eps'),

so 7,840 pixels give 7,840 equations for a and b. With a and b known, sigma * z is the residual of either run,
x_{t-1} - a * x_t - b * eps, and sigma its standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.probes.doubles import RecordedEvent

from .setup import SHAPE

# Largest |x_t| beside which float32 still resolves the noise. A wrong coefficient can make x_t grow without
# bound; at 1e3 neighbouring float32 numbers are 6e-5 apart, 0.2 % of the smallest √β in the probed schedule.
RESOLVABLE = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerStep:
    """One recovered step: x_{t-1} = x_factor * x_t + noise_factor * eps + sigma * z.

    Attributes:
        t: timestep passed to the network.
        x_factor, noise_factor: the coefficients.
        x_error, noise_error: their standard errors; infinite if both runs had the same x_t or eps.
        unexplained: fraction of the difference of the two runs that the coefficients leave unexplained.
        peak: largest |x_t|.
        residual: sigma * z of the first run, shaped like the images; NaN where a clamp cut the pixel off.
    """

    t: float
    x_factor: float
    noise_factor: float
    x_error: float
    noise_error: float
    unexplained: float
    peak: float
    residual: Tensor


def recover_step(
    first: RecordedEvent,
    second: RecordedEvent,
    after_first: Tensor,
    after_second: Tensor,
    shape: tuple[int, ...] = SHAPE,
) -> SamplerStep:
    """Recover one step from the network call that belongs to it in each run, and the images after it.

    Args:
        shape: of the images that the sampler works with.
    """
    xs = [call.x.double().flatten() for call in (first, second) if call.x is not None]
    noises = [call.output.double().flatten() for call in (first, second) if call.output is not None]
    results = [after_first.double().flatten(), after_second.double().flatten()]
    t = first.t.flatten()[0].item() if first.t is not None else float("nan")
    if {len(values) for values in (*xs, *noises, *results)} != {math.prod(shape)}:
        return _not_a_step(t, shape)
    # A clamped pixel no longer follows the affine formula, so it is left out of the fit.
    free = ~(_is_clamped(results[0]) | _is_clamped(results[1]))
    matrix = torch.stack([(xs[0] - xs[1])[free], (noises[0] - noises[1])[free]], dim=1)
    change = (results[0] - results[1])[free]
    # "gelsd" (SVD) gives the minimum-norm solution where a column is zero, e.g. because the sampler ignores
    # the given x_T and both runs start from the same noise.
    factors = torch.linalg.lstsq(matrix, change[:, None], driver="gelsd").solution[:, 0]
    rest = change - matrix @ factors
    # Ordinary least squares: covariance = s^2 (A^T A)^-1 with s^2 the residual variance.
    variance = rest.square().sum() / max(len(rest) - 2, 1)
    covariance = variance * torch.linalg.pinv(matrix.T @ matrix)
    residual = results[0] - factors[0] * xs[0] - factors[1] * noises[0]
    return SamplerStep(
        t=t,
        x_factor=factors[0].item(),
        noise_factor=factors[1].item(),
        x_error=_standard_error(covariance[0, 0], matrix[:, 0]),
        noise_error=_standard_error(covariance[1, 1], matrix[:, 1]),
        peak=xs[0].abs().max().item(),
        unexplained=(rest.norm() / change.norm().clamp_min(1e-30)).item(),
        residual=torch.where(free, residual, torch.nan).reshape(shape),
    )


def _not_a_step(t: float, shape: tuple[int, ...]) -> SamplerStep:
    """Return a step without coefficients, for calls and results of different sizes."""
    nan = float("nan")
    return SamplerStep(
        t=t,
        x_factor=nan,
        noise_factor=nan,
        x_error=0,
        noise_error=0,
        unexplained=1.0,
        peak=0.0,
        residual=torch.zeros(shape),
    )


def _standard_error(variance: Tensor, column: Tensor) -> float:
    """Return the standard error of a factor; infinite for a zero column, which says nothing about it."""
    return variance.clamp_min(0).sqrt().item() if column.norm() > 1e-6 else float("inf")


def _is_clamped(values: Tensor) -> Tensor:
    """Return a mask of the pixels at the minimum or maximum, if more than three share that value.

    Continuous noise almost never gives two pixels the same extreme value; a clamp gives it to many.
    """
    clamped = torch.zeros_like(values, dtype=torch.bool)
    for limit in (values.min(), values.max()):
        same = values == limit
        clamped |= same & (same.sum() > 3)
    return clamped
