"""What a loss compares is recognised by its gradient alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from grader.probes.doubles import RecordedEvent
from reference.diffuser import NoiseDiffuser
from reference.readings import PAPER
from rubrics.ddpm.trainer.loss_targets import loss_targets
from rubrics.ddpm.trainer.recording import RecordedTraining
from rubrics.ddpm.trainer.setup import SCHEDULE
from rubrics.ddpm.trainer.wrong_targets import describe_wrong_target

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def _squared(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean()


def _recorded(loss: Loss) -> RecordedTraining:
    """Return a recorded run of one batch with this loss of output, image, noise and x_t."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(16, 1, 28, 28, generator=generator)
    noise, output = (torch.randn(image.shape, generator=generator) for _ in range(2))
    t = torch.arange(16) * 2
    x = NoiseDiffuser(**SCHEDULE).noise_diffusion(image, t, noise)[0]
    output.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(output, image, noise, x), output)
    training = RecordedTraining(reading=PAPER)
    training.log += [
        RecordedEvent(kind="batch", name="training", image=image),
        RecordedEvent(kind="diffuse", x=x, image=image, target=noise, t=t),
        RecordedEvent(kind="forward", call=0, x=x, t=t, output=output.detach(), grad=True),
        RecordedEvent(kind="backward", call=0, x=gradient),
    ]
    return training


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda output, image, noise, x: _squared(output, noise - image), "the noise minus the clean image"),
        (lambda output, image, noise, x: _squared(output, x - noise), "x_t minus the noise"),
        (lambda output, image, noise, x: _squared(x - output, noise), "x_t minus the noise"),
        (lambda output, image, noise, x: _squared(output, -noise), "the noise with the opposite sign"),
        (lambda output, image, noise, x: _squared(output[:4], noise[:4]), "for 4 of the 16 images"),
        (lambda output, image, noise, x: _squared(output.mean(), noise.mean()), "the average of the"),
        (lambda output, image, noise, x: _squared(output, noise[:, 0]), "the same target for all images"),
    ],
)
def test_a_wrong_target_is_described(loss: Loss, sentence: str) -> None:
    training = _recorded(loss)
    assert set(loss_targets(training)) != {"noise"}
    described = describe_wrong_target(training)
    assert described is not None
    assert sentence in described.sentence


@pytest.mark.parametrize(
    "loss",
    [
        lambda output, image, noise, x: _squared(output, noise),
        lambda output, image, noise, x: (output - noise).square().sum(),
        lambda output, image, noise, x: (output - noise).abs().mean(),
        lambda output, image, noise, x: torch.nn.functional.smooth_l1_loss(output, noise),
        lambda output, image, noise, x: _squared(output, noise) + 1e-3 * output.square().mean(),
        lambda output, image, noise, x: (
            torch.linspace(0.1, 2, 16).view(-1, 1, 1, 1) * (output - noise).square()
        ).mean(),
    ],
)
def test_losses_against_the_noise_are_recognised(loss: Loss) -> None:
    assert set(loss_targets(_recorded(loss))) == {"noise"}
