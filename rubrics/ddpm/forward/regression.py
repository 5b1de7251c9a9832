"""Least-squares fits of x_t by image and noise, and the comparison of added with returned noise."""

from __future__ import annotations

import torch
from torch import Tensor


def regress(y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least-squares factor from x to y, and the share of y that it leaves unexplained."""
    if y.shape != x.shape:
        return torch.tensor(torch.nan, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    x, y = x.flatten().double(), y.flatten().double()
    factor = (x @ y) / (x @ x).clamp_min(1e-30)
    least = 1e-3 * x.norm()  # a y below a thousandth of x is rounding, and its residual means nothing
    return factor, (y - factor * x).norm() / torch.maximum(y.norm(), least).clamp_min(1e-30)


def regress_jointly(
    x_t: Tensor, image: Tensor, noise: Tensor, otherwise: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the image's coefficient and the residual, regressing x_t on image and returned noise together.

    Falls back to ``otherwise`` if these two do not explain x_t to 0.1 %.
    """
    matrix = torch.stack([image.double().flatten(), noise.flatten()], dim=1)
    if not (torch.isfinite(matrix).all() and torch.isfinite(x_t).all()):
        return otherwise
    factors = torch.linalg.lstsq(matrix, x_t.flatten()[:, None], driver="gelsd").solution[:, 0]
    rest = (x_t.flatten() - matrix @ factors).norm() / x_t.norm().clamp_min(1e-30)
    return (factors[0], rest) if rest < 1e-3 else otherwise


def compare_noises(added: Tensor, returned: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ratio of added to returned noise, the constant in the added noise, and their correlation."""
    if returned is not None and _broadcasts(returned, added):
        returned = returned.expand_as(added)
    if returned is None or returned.shape != added.shape:
        return (
            torch.tensor(torch.nan, dtype=torch.float64),
            added.mean(),
            torch.zeros((), dtype=torch.float64),
        )
    a, b = added.flatten() - added.mean(), returned.flatten() - returned.mean()
    ratio, _ = regress(a, b)
    correlation = (a @ b) / (a.norm() * b.norm()).clamp_min(1e-30)
    if a.norm() < 1e-4:  # no noise is added, so the returned noise contradicts nothing
        correlation = torch.ones((), dtype=torch.float64)
    # Only noise that is the same says which mean the added noise should have.
    same = abs(correlation) > 0.999
    return ratio, added.mean() - (ratio * returned.mean() if same else 0.0), correlation


def _broadcasts(values: Tensor, target: Tensor) -> bool:
    """Return whether values with at least a row and a column expand to the shape of the target."""
    pairs = zip(reversed(values.shape), reversed(target.shape), strict=False)
    return 2 <= values.ndim <= target.ndim and all(a in (1, b) for a, b in pairs)
