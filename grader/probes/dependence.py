"""Measure which outputs of a function depend on which of its inputs, by changing one input after the other.

No property of the code is assumed, only that equal calls give equal answers: seed them, or use eval mode.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

ROUNDING = 1e-5  # share of a change up to which outputs count as equal


def influence(
    ask: Callable[[Tensor], Tensor], x: Tensor, other: Tensor, *, inside: int, outside: int
) -> Tensor:
    """Return how much each place of the output changes with each place of the input.

    Example:
        >>> def running_sum(x): return x.cumsum(0)
        >>> influence(running_sum, torch.zeros(3), torch.ones(3), inside=0, outside=0).tolist()
        [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]

    Args:
        ask: the function; its answers have one shape.
        x, other: two inputs of one shape; place by place the second takes the place of the first.
        inside: dimension of the input along which places are counted.
        outside: dimension of the output along which places are counted.

    Returns:
        float64 (inputs, outputs): Euclidean norms of the changes, as a share of the largest of them. NaN in
        an answer counts as a change.
    """
    before = ask(x).double()
    rows = []
    for place in range(x.shape[inside]):
        changed = x.clone()
        changed.select(inside, place).copy_(other.select(inside, place))
        change = (ask(changed).double() - before).nan_to_num(1.0, 1.0, 1.0)
        rows.append(change.movedim(outside, 0).flatten(1).norm(dim=1) if change.ndim > 1 else change.abs())
    sizes = torch.stack(rows)
    return sizes / sizes.max().clamp_min(1e-30)


def hears_later(sizes: Tensor) -> float:
    """Return the largest influence of an input on an output before it, 0 for a causal function.

    Args:
        sizes: as ``influence`` returns them, square.
    """
    return float(sizes.detach().tril(-1).max())


def hears_others(sizes: Tensor) -> float:
    """Return the largest influence of an input on an output at another place."""
    return float((sizes - sizes.diag().diag()).detach().max())


def permutation_error(ask: Callable[[Tensor], Tensor], x: Tensor, order: Tensor, *, dim: int) -> float:
    """Return how far a function is from giving permuted answers to permuted inputs.

    Example:
        >>> x, order = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([2, 0, 1])
        >>> permutation_error(lambda x: x - x.mean(), x, order, dim=0)
        0.0

    Args:
        ask: the function; its answers have the places of its inputs along ``dim``.
        order: a permutation of the places, int64 (N,).

    Returns:
        The Euclidean norm of the difference, as a share of the norm of the answer; 1 for NaN.
    """
    before, after = ask(x).double(), ask(x.index_select(dim, order)).double()
    expected = before.index_select(dim, order)
    error = float((after - expected).norm() / expected.norm().clamp_min(1e-30))
    return error if error == error else 1.0
