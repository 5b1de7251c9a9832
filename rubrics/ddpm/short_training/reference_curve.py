"""The reference's own short training, which a student's is compared with under equal conditions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from grader.probes.training_budget import TrainingBudget
from reference.evaluation import held_out_error
from reference.readings import Reading, ReadingDiffuser
from reference.schedule import SCHEDULE

from ..edition import UNet, train
from . import measured
from .image_data import HELD_OUT, VALIDATION_BATCHES, ImageData

Batch = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceCurve:
    """Errors and losses of the reference after each epoch.

    Attributes:
        steps: number of batches so far.
        held_out: error on held-out images, relative to the noise's variance.
        training, validation: mean losses of the epoch.
        bands: minimum and maximum of "training" and "validation" in each epoch over the calibration's seeds;
            empty for a curve measured from one seed.
    """

    steps: Sequence[int]
    held_out: Sequence[float]
    training: Sequence[float]
    validation: Sequence[float]
    bands: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def error(self, steps: int) -> float:
        """Return the held-out error after a number of batches, linearly interpolated."""
        index = min(bisect_left(self.steps, steps), len(self.steps) - 1)
        if index == 0 or steps >= self.steps[index]:
            return self.held_out[index]
        before, after = self.steps[index - 1], self.steps[index]
        share = (steps - before) / (after - before)
        return self.held_out[index - 1] + share * (self.held_out[index] - self.held_out[index - 1])


def from_calibration(reading: Reading) -> ReferenceCurve:
    """Return the curve of the calibration, on the embedded digits."""
    curves = measured.calibration()["readings"][measured.key(reading)]
    return ReferenceCurve(
        steps=[int(row["steps"]) for row in curves["held_out"]],
        held_out=[float(row["mean"]) for row in curves["held_out"]],
        training=[float(row["mean"]) for row in curves["training"]],
        validation=[float(row["mean"]) for row in curves["validation"]],
        bands={
            name: [(float(row["least"]), float(row["most"])) for row in curves[name]]
            for name in ("training", "validation")
            if "least" in curves[name][0]
        },
    )


def measure(
    reading: Reading,
    data: ImageData,
    budget: TrainingBudget,
    seed: int,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> ReferenceCurve:
    """Train the reference on any data for the largest budget a student can get, and return its curve.

    Args:
        on_progress: called after each epoch with the numbers of finished and of all epochs.
    """
    torch.manual_seed(seed)
    batches = data.ordered(torch.Generator().manual_seed(seed))
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)
    network = UNet(1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=budget.learning_rate)
    held_out, training, validation = [], list[float](), list[float]()
    epochs = budget.max_epochs
    for epoch in range(epochs):
        loaders = _Loader(batches.training, budget.batches), _Loader(batches.validation, VALIDATION_BATCHES)
        losses = train(
            network, *loaders, optimizer, nn.MSELoss(), "cpu", 1, diffuser, SCHEDULE["total_steps"]
        )
        training += losses[0]
        validation += losses[1]
        generator = torch.Generator().manual_seed(seed)
        held_out.append(held_out_error(network.eval(), diffuser, data.held_out[:HELD_OUT], generator))
        on_progress(epoch + 1, epochs)
    steps = [(epoch + 1) * budget.batches for epoch in range(epochs)]
    return ReferenceCurve(steps=steps, held_out=held_out, training=training, validation=validation)


class _Loader:
    """A loader over an endless source of batches, with a fixed number of batches per epoch."""

    def __init__(self, batch: Batch, count: int) -> None:
        self._batch, self._count = batch, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (self._batch(number) for number in range(self._count))
