"""Ask a network how its output depends on the step: each image's on its own, and on no other image's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.probes.recorded_graph import first_tensor, size
from grader.sandbox.student import Student

from .probe import Network, format_steps

# Share of the effect of a step that the steps of other images may have. An average over the batch has 0.5 in
# a batch of two steps; a right network has 0.
_MOST_MIXING = 0.2
_MIN_EFFECT = 1e-4  # share of the output that must change with the step; below it there is only rounding
_ROUNDING = 1e-3  # share by which equal answers may differ in batches of different sizes


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Dependence of a network's output on the step.

    Attributes:
        effect: share of the output that changes with the step.
        mixes_images: whether the output for an image depends on the steps of other images in its batch.
        is_batch_statistic: whether it depends on the other images themselves, as with batch statistics.
    """

    effect: float = 0.0
    mixes_images: bool = False
    is_batch_statistic: bool = False

    @property
    def is_of_each_image(self) -> bool:
        """True if the output of each image depends on its own step."""
        return self.effect > _MIN_EFFECT and not self.mixes_images

    def stronger(self, other: Conditioning) -> Conditioning:
        """Return the better of two attempts."""
        return other if other.effect > self.effect else self

    def weaker(self, other: Conditioning) -> Conditioning:
        """Return what holds in both of two situations."""
        return Conditioning(
            min(self.effect, other.effect),
            self.mixes_images or other.mixes_images,
            self.is_batch_statistic or other.is_batch_statistic,
        )


def ask_conditioning(
    student: Student,
    network: Network,
    answer: Tensor,
    x: Tensor,
    steps: tuple[Tensor, Tensor],
    *,
    seed: int,
    training: bool,
) -> Conditioning:
    """Compare a network's answers at different steps.

    Args:
        answer: the network's answer to x at the first steps.
        steps: two sets of steps, (B,). In eval mode each is the same for all images.
        training: the network is in train mode, where batch normalisation mixes images anyway.

    Raises:
        StudentError: the network fails.
    """

    def ask(images: Tensor, at: Tensor) -> Tensor:
        t = format_steps(network.form, at)
        return first_tensor(student.call(network.handle, images, t, seed=seed, grad=training, timeout=60.0))

    first, second = steps
    later = ask(x, second)
    if later.shape != answer.shape or not answer.numel():
        return Conditioning()
    change = size(later - answer)
    effect = change / max(size(answer), 1e-30)
    if training:
        return Conditioning(effect)
    is_second = torch.arange(len(x)) % 2 == 1
    mixed = ask(x, torch.where(is_second, second, first))
    expected = torch.where(is_second.view(-1, *[1] * (answer.ndim - 1)), later, answer)
    wrong = size(mixed - expected)
    if wrong <= max(_MOST_MIXING * change, _ROUNDING * size(answer)):
        return Conditioning(effect)
    others = torch.where(is_second.view(-1, 1, 1, 1), x.flip(0) + 1, x)
    statistics = ask(others, first)[~is_second] - answer[~is_second]
    by_images = size(statistics) > _ROUNDING * size(answer)
    return Conditioning(max(effect, wrong / max(size(answer), 1e-30)), not by_images, by_images)


def depends_on_batch_size(student: Student, network: Network, count: int, generator: torch.Generator) -> bool:
    """Return whether a network answers differently for the same images in a batch of ``count``, in eval mode.

    Raises:
        StudentError: the network fails.
    """
    assert isinstance(network.output, Tensor)
    if network.sample is None:
        return False
    x, steps = network.sample
    chosen = torch.randperm(len(x), generator=generator)[:count]
    args: list[Any] = [x[chosen], format_steps(network.form, steps[chosen])]
    expected = network.output[chosen].float()
    answers = []
    for seed in torch.randint(1 << 31, (2,), generator=generator).tolist():
        answer = first_tensor(student.call(network.handle, *args, seed=seed, grad=False))
        if answer.shape == expected.shape and size(answer - expected) <= _ROUNDING * max(
            size(expected), 1e-30
        ):
            return False
        answers.append(answer)
    one, other = answers
    if one.shape == other.shape and size(one - other) > _ROUNDING * max(size(one), 1e-30):
        return False  # it draws random numbers
    args[0] = torch.cat([args[0][:1], args[0][1:].flip(0) + 1])
    among_others = first_tensor(student.call(network.handle, *args, seed=0, grad=False))
    uses_statistics = among_others.shape == one.shape and size(among_others[0] - one[0]) > _ROUNDING * size(
        one[0]
    )
    return not uses_statistics
