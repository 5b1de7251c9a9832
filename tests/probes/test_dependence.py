"""Linear and causal structure is recovered from answers alone, of functions that have nothing in common."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from grader.probes.dependence import ROUNDING, hears_later, hears_others, influence, permutation_error
from grader.probes.linear import recover_mixing
from grader.probes.parameters import without


def _causal_convolution(x: Tensor) -> Tensor:
    kernel = torch.tensor([[[0.5, 0.25, 2.0]]])
    return nn.functional.conv1d(nn.functional.pad(x[None, None], (2, 0)), kernel)[0, 0]


def _recurrent(x: Tensor) -> Tensor:
    torch.manual_seed(0)
    return nn.GRU(1, 3)(x[:, None])[0]


@pytest.mark.parametrize("ask", [_causal_convolution, _recurrent])
def test_a_causal_function_hears_only_what_came_before(ask: object) -> None:
    sizes = influence(ask, torch.zeros(5), torch.ones(5), inside=0, outside=0)  # type: ignore[arg-type]
    assert hears_later(sizes) <= ROUNDING < hears_others(sizes)


def test_a_function_that_looks_ahead_is_found() -> None:
    sizes = influence(
        lambda x: x.flip(0).cumsum(0).flip(0), torch.zeros(5), torch.ones(5), inside=0, outside=0
    )
    assert hears_later(sizes) == 1


def test_nan_counts_as_a_change() -> None:
    sizes = influence(lambda x: (x - 1).log(), torch.full((3,), 2.0), torch.zeros(3), inside=0, outside=0)
    assert sizes.diag().tolist() == [1, 1, 1]


def test_a_sum_is_permuted_with_its_inputs_and_a_convolution_is_not() -> None:
    x, order = torch.randn(6, generator=torch.Generator().manual_seed(1)), torch.tensor([3, 0, 5, 1, 2, 4])
    assert permutation_error(lambda x: x + x.sum(), x, order, dim=0) < 1e-6
    assert permutation_error(_causal_convolution, x, order, dim=0) > 0.1
    assert permutation_error(lambda x: x / 0 * 0, x, order, dim=0) == 1


@pytest.mark.parametrize("weights", [torch.eye(4)[:3], torch.full((3, 4), 0.25)])
def test_the_weights_of_a_mixture_are_recovered(weights: Tensor) -> None:
    values = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    found = recover_mixing(lambda v: weights @ v, 4, (3, 4), 5, values)
    assert torch.equal(found.matrix, weights.double())
    assert found.unexplained < 1e-6
    curved = recover_mixing(lambda v: weights @ v.square(), 4, (3, 4), 5, values)
    assert curved.unexplained > 0.1
    assert recover_mixing(lambda v: "none", 4, (3, 4), 5, values).unexplained == 1


def test_parameters_are_left_out_by_shape() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    left = without(network.state_dict(), lambda each: each.ndim > 1)
    assert not left["0.weight"].any()
    assert left["1.weight"].all()
