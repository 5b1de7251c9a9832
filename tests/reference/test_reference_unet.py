"""The network: parameter count, shapes, skip connections and time conditioning."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reference.unet import UNet


@pytest.fixture
def model() -> UNet:
    torch.manual_seed(0)
    return UNet(1, 1).eval()


@pytest.mark.parametrize(("in_channels", "parameters"), [(3, 145_233), (1, 144_945)])
def test_the_parameter_count_is_that_of_the_handouts_network(in_channels, parameters):
    network = UNet(in_channels, 1)
    assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == parameters


@pytest.mark.parametrize(("in_channels", "out_channels"), [(1, 1), (3, 1), (3, 3)])
@pytest.mark.parametrize("sides", [(28, 28), (32, 20)])
def test_the_output_has_the_size_of_the_input(in_channels, out_channels, sides):
    noise = UNet(in_channels, out_channels)(
        torch.randn(2, in_channels, *sides), torch.tensor([[0.0], [99.0]])
    )
    assert noise.shape == (2, out_channels, *sides)


def test_timesteps_may_be_a_float_column_integers_or_one_for_all(model):
    x = torch.randn(3, 1, 28, 28)
    column = model(x, torch.tensor([[7.0], [7.0], [7.0]]))
    assert torch.equal(model(x, torch.tensor([7, 7, 7])), column)
    assert torch.allclose(model(x, torch.tensor([[7.0]])), column, atol=1e-6)


def test_every_image_has_its_own_timestep(model):
    x = torch.randn(1, 1, 28, 28).expand(2, -1, -1, -1)
    mixed = model(x, torch.tensor([[3.0], [80.0]]))
    alone = torch.cat([model(x[:1], torch.tensor([[step]])) for step in (3.0, 80.0)])
    assert torch.allclose(mixed, alone, atol=1e-5)
    assert (mixed[0] - mixed[1]).abs().max() > 0.01


@pytest.mark.parametrize("level", ["down_full", "down_half"])
def test_a_skip_connection_carries_the_input_when_lower_levels_are_silenced(model, level):
    """With everything below a level silenced, only its skip connection connects x to the output."""
    below = {"down_full": model.down_half, "down_half": model.down_quarter}[level]
    below.register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
    if level == "down_half":  # otherwise the outer skip would carry the input
        _silence_skip_half_of(model.up_full[0])
    assert _influence_of_input(model) > 1e-6


def test_with_both_skips_silenced_and_the_bottom_cut_the_input_has_no_influence(model):
    """Control for the test above: it measures the skips and nothing else."""
    model.down_quarter.register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
    _silence_skip_half_of(model.up_half[0])
    _silence_skip_half_of(model.up_full[0])
    assert _influence_of_input(model) == 0.0


@pytest.mark.parametrize("embedding", ["time_quarter", "time_half"])
def test_each_time_embedding_reaches_the_output(model, embedding):
    other = {"time_quarter": model.time_half, "time_half": model.time_quarter}[embedding]
    other.register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
    x = torch.randn(1, 1, 28, 28)
    early, late = model(x, torch.tensor([[0.0]])), model(x, torch.tensor([[99.0]]))
    assert (early - late).abs().max() > 1e-3


def test_every_parameter_gets_a_gradient(model):
    """Over several timesteps: at a single one, a ReLU may be inactive."""
    x, t = torch.randn(16, 1, 28, 28), torch.arange(16.0).view(-1, 1) * 6
    model(x, t).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in model.parameters())


@pytest.mark.parametrize(
    ("x", "t"),
    [(torch.zeros(2, 1, 30, 28), torch.zeros(2, 1)), (torch.zeros(3, 1, 28, 28), torch.zeros(2, 1))],
)
def test_images_or_timesteps_of_the_wrong_shape_raise(model, x, t):
    with pytest.raises(ValueError, match=r"multiples of 4|need 3 steps"):
        model(x, t)


def _silence_skip_half_of(convolution: nn.Module) -> None:
    """Zero the second half of a convolution's input channels, where the skip features are concatenated."""
    weight = convolution.weight
    assert isinstance(weight, nn.Parameter)
    with torch.no_grad():
        weight[:, weight.shape[1] // 2 :] = 0.0


def _influence_of_input(model: nn.Module) -> float:
    """Return the largest gradient of the central output pixels with respect to an input pixel."""
    x = torch.randn(1, 1, 28, 28, requires_grad=True)
    (slope,) = torch.autograd.grad(model(x, torch.tensor([[5.0]]))[0, 0, 10:18, 10:18].sum(), x)
    return float(slope.abs().max())
