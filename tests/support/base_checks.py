"""Checks that the base of the audit passes and a mutant may fail, although correct solutions may, too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from solution_checks import Loader, diffuser_of
from torch import Tensor, nn

_STEPS, _IMAGES, _EPOCHS = 10, 64, 2


def check_base_noise(student: Any) -> None:
    """Check that neighbouring pixels get independent noise."""
    diffuser = diffuser_of(student, 0.001, 0.2, 50)
    _, noise = diffuser.noise_diffusion(torch.rand(50, 1, 28, 28), list(range(50)))
    # The mean of 19,600 products of independent normal numbers has a standard deviation of 0.007.
    assert abs((noise[..., ::2] * noise[..., 1::2]).mean()) < 0.05
    assert abs((noise[..., ::2, :] * noise[..., 1::2, :]).mean()) < 0.05


def check_base_network(student: Any) -> None:
    """Check that both skip connections carry values that count beside those from below, at most places.

    And that every layer is one of the network's, and the output has as many channels as asked for.
    """
    several = student.UNet(in_channels=1, out_channels=3)
    output = several(torch.rand(2, 1, 28, 28), torch.ones(2, 1))
    assert output.shape == (2, 3, 28, 28)
    own = {*map(id, several.parameters())}
    assert all(id(weight) in own for weight in _weights_behind(output))
    network = student.UNet(in_channels=1, out_channels=1)
    merged: list[Tensor] = []
    for layer in (network.merge1, network.merge2):
        layer.register_forward_pre_hook(lambda _, inputs: merged.append(inputs[0].detach()))
    network(torch.randn(4, 1, 28, 28), torch.tensor([[3.0], [3.0], [7.0], [7.0]]))
    for features in merged:
        below, skip = features.chunk(2, dim=1)
        assert skip.std() > 0.05 * below.std()
        assert (skip != 0).float().mean() > 0.2  # a ReLU cuts about a half


def _weights_behind(output: Tensor) -> list[Tensor]:
    """Return the leaves of an autograd graph."""
    found, waiting, seen = [], [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            found += [node.variable] if hasattr(node, "variable") else []
            waiting += [before for before, _ in node.next_functions]
    return found


class _Criterion(nn.Module):
    """Mean squared error that keeps what it returned and compared with, by phase."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: dict[bool, list[float]] = {True: [], False: []}
        self.targets: dict[bool, list[Tensor]] = {True: [], False: []}

    def forward(self, predicted: Tensor, noise: Tensor) -> Tensor:
        self.targets[torch.is_grad_enabled()].append(noise)
        loss = (predicted - noise).square().mean()
        self.losses[torch.is_grad_enabled()].append(loss.item())
        return loss


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.slope * x


class _Optimizer(torch.optim.SGD):
    """SGD that refuses steps of nearly no length."""

    def step(self, closure: Any = None) -> Any:
        assert all(group["lr"] > 0.001 for group in self.param_groups)  # of the 0.1 that it begins with
        return super().step(closure)


def check_base_training(student: Any) -> None:
    """Check images and targets of validation, the spread of the timesteps, and the losses that come back."""
    diffuser, network, criterion = diffuser_of(student, 1e-4, 0.1, _STEPS), _Network(), _Criterion()
    steps: list[Tensor] = []
    validated: list[Tensor] = []
    drawn_noise: list[Tensor] = []  # in validation
    original = diffuser.noise_diffusion

    def recording(image: Tensor, t: list[int]) -> Any:
        noisy, noise = original(image, t)
        if torch.is_grad_enabled():
            steps.append(torch.tensor(t))
        else:
            validated.append(image)
            drawn_noise.append(noise)
        return noisy, noise

    diffuser.noise_diffusion = recording
    batches, held_out = (
        Loader([(torch.rand(_IMAGES, 1, 28, 28), torch.zeros(_IMAGES)) for _ in range(count)])
        for count in (3, 2)
    )
    optimizer = _Optimizer(network.parameters(), lr=0.1)
    returned = student.train(
        network, batches, held_out, optimizer, criterion, "cpu", _EPOCHS, diffuser, _STEPS
    )

    assert all(torch.equal(one, two) for one, (two, _) in zip(validated, [*held_out] * _EPOCHS, strict=True))
    assert all(map(torch.equal, criterion.targets[False], drawn_noise))
    assert set(torch.cat(steps).tolist()) == set(range(_STEPS))  # 384 draws miss one with odds of 10^-17
    assert all(len(set((drawn.diff() % _STEPS).tolist())) > 1 for drawn in steps)
    for averages, phase, count in zip(returned, (True, False), (3, 2), strict=True):
        losses = torch.tensor(criterion.losses[phase]).view(_EPOCHS, count)
        assert averages == pytest.approx(losses.mean(1).tolist(), rel=1e-5)
