"""The short training: the student's trainer on the student's network, as far as both are sound, and what came
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from grader.checks.isolated_work import digest_of
from grader.probes.training_budget import TrainingBudget, TrainingClock
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle
from reference import digits
from reference.evaluation import held_out_probe, relative_error
from reference.pretrained import SCHEDULE
from reference.readings import Reading, ReadingDiffuser

from ..interface import signatures
from ..interface.conventions import TimestepEncoding
from ..interface.doubles import CriterionDouble, DiffuserDouble, LoaderDouble
from ..network.probe import Network, format_steps
from .plan import TrainCalls
from .reference_double import ReferenceNetworkDouble, ReferenceOptimizerDouble

VALIDATION_BATCHES = 2
HELD_OUT = 512  # images that a network is judged by, at most


Predict = Callable[[Tensor, Tensor], Tensor]  # for images (B, 1, 28, 28) at integer steps (B,)


@dataclass(slots=True, kw_only=True)
class TrainingSession:
    """A training under way.

    Attributes:
        predict: the network as it is.
        network: the student's own; None where the reference's took its place.
        train: goes on with the training for so many epochs, or until its clock says that it is enough.
        losses: what ``train`` returned, per epoch, if that could be read: training and validation.
    """

    predict: Predict
    network: Network | None
    clock: TrainingClock
    train: Callable[[int], None] = lambda _: None
    losses: list[list[float]] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """How many batches the network saw."""
        return self.clock.steps


@dataclass(frozen=True, kw_only=True)
class ImageData:
    """Images to train on, float (N, 1, 28, 28), with labels, and those held out."""

    train: Tensor
    labels: Tensor
    held_out: Tensor
    batch_size: int

    @classmethod
    def of(cls, name: str, budget: TrainingBudget) -> Self:
        """The data of that name, or in that folder."""
        images, labels = digits.load(name, "train")
        held_out, _ = digits.load(name, "held-out")
        return cls(train=images, labels=labels, held_out=held_out, batch_size=budget.batch_size)

    @cached_property
    def digest(self) -> str:
        """Of the images."""
        return digest_of((self.train, self.held_out))

    def ordered(self, order: torch.Generator) -> Batches:
        """Batches of it, in the order that the generator draws."""
        return Batches(self, order)


class Batches:
    """Batches for training, in the order that a generator draws, and for validation."""

    def __init__(self, data: ImageData, order: torch.Generator) -> None:
        self.data = data
        self._generator = order
        self._order = torch.zeros(0, dtype=torch.int64)

    def training(self, _: int) -> tuple[Tensor, Tensor]:
        """The next training batch; every image once before any comes again."""
        data = self.data
        while len(self._order) < data.batch_size:
            again = torch.randperm(len(data.train), generator=self._generator)
            self._order = torch.cat([self._order, again])
        chosen, self._order = self._order[: data.batch_size], self._order[data.batch_size :]
        return data.train[chosen], data.labels[chosen]

    def validation(self, number: int) -> tuple[Tensor, Tensor]:
        """A batch of held-out images."""
        data = self.data
        start = number * data.batch_size % max(1, len(data.held_out) - data.batch_size)
        images = data.held_out[start : start + data.batch_size]
        return images, torch.zeros(len(images), dtype=torch.int64)


def held_out_error(
    predict: Predict, reading: Reading, data: ImageData, generator: torch.Generator
) -> tuple[float, bool]:
    """Error of the predicted noise on held-out x_t whose noise only the judge knows; 1 is what predicting
    zero gives. Also whether the predictions keep within limits that noise of deviation 1 has not.
    """
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)
    probe = held_out_probe(diffuser, data.held_out[:HELD_OUT], generator)
    predicted = predict(probe.x_t, probe.t.flatten().long())
    if predicted.shape != probe.target.shape or not torch.isfinite(predicted).all():
        return float("inf"), False
    error = relative_error(predicted.float(), probe.target)
    one_sided = bool(predicted.min() >= 0) and bool(predicted.max() > 0)
    # Who predicts next to nothing keeps within any limits.
    cut_off = bool(predicted.abs().max() <= 1) and error < 0.9 and bool(probe.target.abs().max() > 2)
    return error, one_sided or cut_off


def with_students_trainer(
    student: Student,
    network: Network | None,
    diffuser: Handle | None,
    reading: Reading,
    batches: Batches,
    budget: TrainingBudget,
    generator: torch.Generator,
    tell: Callable[[int, int], None],
    calls: TrainCalls,
) -> TrainingSession:
    """Run the student's ``train`` on their network, or on the reference's where ``network`` is None.

    The reference's network stays in the judge: the student's ``train`` moves it through a stand-in, whose
    gradients come back here. ``diffuser`` is the student's own, or None for the reference's under
    ``reading``.

    Raises:
        StudentError: ``train`` failed.
    """
    if network is not None:
        model: Any = network.handle
        criterion: Any = student.ask("criterion", name="mse", keep=True)
    else:
        model, criterion = ReferenceNetworkDouble(budget.learning_rate, student.seed), CriterionDouble([])
    process: Any = diffuser or DiffuserDouble(
        [],
        ReadingDiffuser(**SCHEDULE, reading=reading),
        None,
        generator,
        layout=calls.answers,
        numbering=calls.numbering,
        method=student.method("noise_diffusion"),
    )
    lessons = TrainingSession(
        predict=predictor(student, network) if network else _told_alike(model, calls.telling),
        network=network,
        clock=TrainingClock(budget, tell),
    )

    def new_optimizer() -> Any:
        if network is None:
            return ReferenceOptimizerDouble([], model, budget.learning_rate)
        # A schedule within train leaves the learning rate near zero, where the next stretch must not begin.
        return student.ask("optimizer", network.handle, name="adam", lr=budget.learning_rate, keep=True)

    def train(epochs: int) -> None:
        sizes = (budget.batches, budget.batch_size)
        arguments = {
            "model": model,
            "train_loader": LoaderDouble(
                [],
                "training",
                batches.training,
                *sizes,
                epochs=epochs,
                go_on=lessons.clock.go_on,
                labels=calls.labels,
            ),
            "val_loader": LoaderDouble(
                [],
                "validation",
                batches.validation,
                VALIDATION_BATCHES,
                budget.batch_size,
                epochs=epochs,
                labels=calls.labels,
            ),
            "optimizer": new_optimizer(),
            "criterion": criterion,
            "device": CURRENT_DEVICE,
            "num_epochs": epochs,
            "diffuser": process,
            "totalTrainingTimesteps": SCHEDULE["total_steps"],
        }
        timeout, before = 3 * budget.seconds + 60, lessons.steps
        seed = student.seed + before
        returned = signatures.call(
            student, "train", arguments, constructor_arguments=SCHEDULE, seed=seed, timeout=timeout
        )
        was_ended = lessons.clock.decided or lessons.clock.out_of_time
        whole = (lessons.steps - before) // budget.batches if was_ended else epochs
        _add_losses(lessons, returned, epochs, whole)

    lessons.train = train
    return lessons


def with_reference_trainer(
    student: Student,
    network: Network,
    reading: Reading,
    batches: Batches,
    budget: TrainingBudget,
    generator: torch.Generator,
    tell: Callable[[int, int], None],
) -> TrainingSession:
    """Train the student's network as the reference would (algorithm 1), one step of Adam per batch.

    Raises:
        StudentError: the network failed.
    """
    process = ReadingDiffuser(**SCHEDULE, reading=reading)
    optimizer = student.ask("optimizer", network.handle, name="adam", lr=budget.learning_rate, keep=True)
    lessons = TrainingSession(
        predict=predictor(student, network),
        network=network,
        clock=TrainingClock(budget, tell),
    )

    def train(epochs: int) -> None:
        for _ in range(epochs * budget.batches):
            if not lessons.clock.go_on():
                return
            images, _ = batches.training(0)
            steps = torch.randint(0, process.total_steps, (len(images),), generator=generator)
            x_t, goal = process.noise_diffusion(images, steps, torch.randn(images.shape, generator=generator))
            args = [x_t, format_steps(network.form, steps)]
            seed = student.seed + lessons.steps
            student.ask(
                "fit",
                network.handle,
                optimizer=optimizer,
                criterion="mse",
                args=args,
                goal=goal,
                seed=seed,
            )

    lessons.train = train
    return lessons


def predictor(student: Student, network: Network) -> Predict:
    """The network in eval mode, asked in parts."""

    def predict(x: Tensor, steps: Tensor) -> Tensor:
        student.call(network.handle, method="eval", keep=True)
        parts = zip(torch.split(x, 128), torch.split(steps, 128), strict=True)
        return torch.cat([network.predict(student, *part, timeout=120.0) for part in parts])

    return predict


def _told_alike(model: ReferenceNetworkDouble, told: TimestepEncoding) -> Predict:
    return lambda x, steps: model.predict(x, told.encode(steps, SCHEDULE["total_steps"]))


def _add_losses(lessons: TrainingSession, returned: Any, epochs: int, whole: int) -> None:
    """Append the lists of losses, one per epoch, that ``train`` returned: training, then validation; as many
    as it had ``whole`` epochs.
    """
    several = isinstance(returned, tuple | list) and any(isinstance(one, list) for one in returned)
    lists = [
        [float(item) for item in value[:whole]]
        for value in (returned if several else [returned])
        if isinstance(value, list)
        and len(value) == epochs
        and all(isinstance(item, float | int) for item in value)
    ]
    if lessons.losses and len(lessons.losses) == len(lists):
        lessons.losses = [old + new for old, new in zip(lessons.losses, lists, strict=True)]
    elif not lessons.losses:
        lessons.losses = lists
