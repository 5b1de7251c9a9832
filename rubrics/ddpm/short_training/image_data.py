"""Images of the short training: training batches in a seeded order, validation batches, held-out images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Self

import torch
from torch import Tensor

from grader.probes.training_budget import TrainingBudget
from reference import digits
from reference.evaluation import held_out_probe, relative_error
from reference.readings import Reading, ReadingDiffuser
from reference.schedule import SCHEDULE

VALIDATION_BATCHES: Final = 2
HELD_OUT: Final = 512  # largest number of held-out images used for the error

Predict = Callable[[Tensor, Tensor], Tensor]  # predicted noise for images (B, 1, 28, 28), integer steps (B,)


@dataclass(frozen=True, kw_only=True)
class ImageData:
    """Images and labels to train on, and held-out images.

    Attributes:
        train, held_out: float32 (N, 1, 28, 28) in [0, 1].
        labels: labels of the training images, int64 (N,).
        batch_size: images per batch.
    """

    train: Tensor
    labels: Tensor
    held_out: Tensor
    batch_size: int

    @classmethod
    def of(cls, name: str, budget: TrainingBudget) -> Self:
        """Load the data set of this name, or from this folder; see ``reference.digits.load``."""
        images, labels = digits.load(name, "train")
        held_out, _ = digits.load(name, "held-out")
        return cls(train=images, labels=labels, held_out=held_out, batch_size=budget.batch_size)

    @cached_property
    def digest(self) -> str:
        """Digest of all images."""
        digest = hashlib.sha256()
        for images in (self.train, self.held_out):
            digest.update(images.contiguous().numpy().data)
        return digest.hexdigest()

    def ordered(self, order: torch.Generator) -> Batches:
        """Return batches in the order that a generator gives."""
        return Batches(self, order)


class Batches:
    """Training batches in the order that a generator gives, and validation batches."""

    def __init__(self, data: ImageData, order: torch.Generator) -> None:
        self.data = data
        self._generator = order
        self._order = torch.zeros(0, dtype=torch.int64)

    def training(self, _: int) -> tuple[Tensor, Tensor]:
        """Return the next batch, (images, labels); every image occurs once before any occurs again."""
        data = self.data
        while len(self._order) < data.batch_size:
            again = torch.randperm(len(data.train), generator=self._generator)
            self._order = torch.cat([self._order, again])
        indices, self._order = self._order[: data.batch_size], self._order[data.batch_size :]
        return data.train[indices], data.labels[indices]

    def validation(self, number: int) -> tuple[Tensor, Tensor]:
        """Return a batch of held-out images with zeros for labels."""
        data = self.data
        start = number * data.batch_size % max(1, len(data.held_out) - data.batch_size)
        images = data.held_out[start : start + data.batch_size]
        return images, torch.zeros(len(images), dtype=torch.int64)


class HeldOutFinding(NamedTuple):
    """The evaluation of a network on held-out images.

    Attributes:
        error: relative to the noise's variance (1 is what predicting zero gives); infinite for a wrong shape
            or non-finite predictions.
        output_limited: whether the predictions are limited in a way that noise is not: all of one sign, or
            all within ±1.
        is_factor: whether each prediction is the noisy image times a factor, up to a small rest.
    """

    error: float
    output_limited: bool = False
    is_factor: bool = False


# Share of the predictions that no factor of the noisy image explains. The true noise has 0.12 to 0.28, by the
# formulation; multiples of x_t have 0. Networks without an outer skip connection: docs/calibration.md.
_LEAST_BEYOND_FACTOR = 0.03


def held_out_error(
    predict: Predict, reading: Reading, data: ImageData, generator: torch.Generator
) -> HeldOutFinding:
    """Evaluate a network on held-out x_t whose noise only the judge knows."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)
    probe = held_out_probe(diffuser, data.held_out[:HELD_OUT], generator)
    predicted = predict(probe.x_t, probe.t.flatten().long())
    if predicted.shape != probe.target.shape or not torch.isfinite(predicted).all():
        return HeldOutFinding(float("inf"))
    error = relative_error(predicted.float(), probe.target)
    one_sided = bool(predicted.min() >= 0) and bool(predicted.max() > 0)
    # An error of 0.9 or more means predictions near zero, which lie within ±1 without any limit; and scaled
    # noise of a formulation may itself stay within ±1.
    cut_off = bool(predicted.abs().max() <= 1) and error < 0.9 and bool(probe.target.abs().max() > 2)
    is_factor = error < 0.9 and _beyond_factor(predicted, probe.x_t) < _LEAST_BEYOND_FACTOR
    return HeldOutFinding(error, one_sided or cut_off, is_factor)


def _beyond_factor(predicted: Tensor, x_t: Tensor) -> float:
    """Return the share of the predictions' variance that is left after the best factor of each image."""
    y, x = (values.double().flatten(1) for values in (predicted, x_t))
    y, x = y - y.mean(1, keepdim=True), x - x.mean(1, keepdim=True)
    factor = (x * y).sum(1, keepdim=True) / (x * x).sum(1, keepdim=True)
    return ((y - factor * x).square().sum() / y.square().sum().clamp_min(1e-30)).item()
