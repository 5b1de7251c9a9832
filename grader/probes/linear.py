"""Recover the matrix of a map that is linear, or affine, in one of its inputs.

The judge never reads the code: it asks for the answers to the unit vectors. Whether the map is linear at all
shows on random inputs, which a matrix that was recovered must explain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.probes.answers import of_shape

Ask = Callable[[Tensor], object]


@dataclass(frozen=True, slots=True)
class LinearMap:
    """A recovered map of the form ``matrix @ values``.

    Attributes:
        matrix: float64 (..., M, N); NaN where the answers had another shape.
        unexplained: share of the answers to random values that the matrix leaves unexplained, in Euclidean
            norm: 0 for a linear map, and 1 or more for answers of another shape.
    """

    matrix: Tensor
    unexplained: float


def recover_mixing(ask: Ask, count: int, shape: tuple[int, ...], width: int, values: Tensor) -> LinearMap:
    """Recover the weights with which a function mixes its values: ``out = weights @ values``.

    Example:
        >>> weights = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
        >>> found = recover_mixing(lambda v: weights @ v, 2, (2, 2), 3, torch.randn(2, 3))
        >>> found.matrix.tolist(), round(found.unexplained, 6)
        ([[0.25, 0.75], [1.0, 0.0]], 0.0)

    Args:
        ask: the function; gets values, float (..., N, E), for any E.
        count: N, the number of values that are mixed.
        shape: of the weights, (..., M, N).
        width: E of ``values``.
        values: random values, (..., N, E), for the test of linearity; E should not be N.
    """
    batch = shape[:-2]
    unit = torch.eye(count).expand(*batch, count, count).contiguous()
    matrix = of_shape(ask(unit), shape)
    expected = matrix @ values.double()
    return LinearMap(matrix, unexplained(of_shape(ask(values), (*shape[:-1], width)), expected))


def unexplained(answer: Tensor, expected: Tensor) -> float:
    """Return the distance of two tensors of one shape as a share of the second's norm; 1 for NaN."""
    apart = float((answer.double() - expected.double()).norm())
    size = max(float(expected.double().norm()), 1e-12)
    return apart / size if apart == apart and size == size else 1.0
