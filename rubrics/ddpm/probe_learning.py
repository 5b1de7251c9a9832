"""The short training: the student's trainer on the student's network, as far as both are sound, and what came
of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.terms import IN_USE, Handle
from reference.evaluation import held_out_probe, relative_error
from reference.pretrained import SCHEDULE
from reference.readings import Reading, ReadingDiffuser
from reference.unet import UNet

from . import handout
from .doubles import DiffuserDouble, Event, LoaderDouble, NetworkDouble, OptimizerDouble, WitnessDouble
from .probe_network import Network, steps_as

VALIDATION_BATCHES = 2
HELD_OUT = 512  # images that a network is judged by, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long to train: ``epochs`` of ``batches`` of ``batch_size`` images, and at most ``seconds``."""

    epochs: int
    batches: int
    batch_size: int
    learning_rate: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class Trained:
    """A network after a short training.

    Attributes:
        reading: the forward process that it was trained under.
        steps: how many batches it saw.
        losses: what ``train`` returned, per epoch, if that could be read: training and validation.
        predict: the network, for images (B, 1, 28, 28) at integer steps (B,).
        network: the student's own; None where the reference's took its place.
    """

    reading: Reading
    predict: Callable[[Tensor, Tensor], Tensor]
    network: Network | None
    steps: int = 0
    losses: list[list[float]] = field(default_factory=list)
    continue_: Callable[[], None] = lambda: None


class Data:
    """Training batches in the order that a generator draws, and the held-out images."""

    def __init__(
        self, train: Tensor, labels: Tensor, held_out: Tensor, batch_size: int, order: torch.Generator
    ) -> None:
        self.train, self.labels, self.held_out, self.batch_size = train, labels, held_out, batch_size
        self._generator = order
        self._order = torch.zeros(0, dtype=torch.int64)

    def batch(self, _: int) -> tuple[Tensor, Tensor]:
        """The next training batch; every image once before any comes again."""
        while len(self._order) < self.batch_size:
            self._order = torch.cat([self._order, torch.randperm(len(self.train), generator=self._generator)])
        chosen, self._order = self._order[: self.batch_size], self._order[self.batch_size :]
        return self.train[chosen], self.labels[chosen]

    def validation(self, number: int) -> tuple[Tensor, Tensor]:
        """A batch of held-out images."""
        start = number * self.batch_size % max(1, len(self.held_out) - self.batch_size)
        images = self.held_out[start : start + self.batch_size]
        return images, torch.zeros(len(images), dtype=torch.int64)


def held_out_error(trained: Trained, data: Data, generator: torch.Generator) -> tuple[float, bool]:
    """Error of the predicted noise on held-out x_t whose noise only the judge knows; 1 is what predicting
    zero gives. Also whether the predictions keep within limits that noise of deviation 1 has not.
    """
    diffuser = ReadingDiffuser(**SCHEDULE, reading=trained.reading)
    probe = held_out_probe(diffuser, data.held_out[:HELD_OUT], generator)
    predicted = trained.predict(probe.x_t, probe.t.flatten().long())
    if predicted.shape != probe.target.shape or not torch.isfinite(predicted).all():
        return float("inf"), False
    limited = bool(predicted.min() >= 0 or predicted.abs().max() <= 1) and bool(probe.target.abs().max() > 2)
    return relative_error(predicted.float(), probe.target), limited


class _Clock:
    """Counts batches for the progress display, and stops the training when its time is up."""

    def __init__(self, budget: Budget, tell: Callable[[int, int], None]) -> None:
        self.steps, self.total = 0, budget.epochs * budget.batches
        self._end = time.monotonic() + budget.seconds
        self._tell = tell

    def go_on(self) -> bool:
        if time.monotonic() > self._end:
            return False
        self.steps += 1
        if self.steps % 10 == 0 or self.steps == self.total:
            self._tell(self.steps, self.total)
        return True


def with_students_trainer(
    student: Student,
    network: Network | None,
    diffuser: Handle | None,
    reading: Reading,
    data: Data,
    budget: Budget,
    generator: torch.Generator,
    tell: Callable[[int, int], None],
) -> Trained:
    """Run the student's ``train`` on their network, or on the reference's where ``network`` is None.

    The reference's network stays in the judge: the student's ``train`` moves it through a stand-in, whose
    gradients come back here. ``diffuser`` is the student's own, or None for the reference's under
    ``reading``.

    Raises:
        StudentError: ``train`` failed.
    """
    log: list[Event] = []
    if network is not None:
        model: Any = network.handle
        optimizer: Any = student.ask("optimizer", network.handle, lr=budget.learning_rate, keep=True)
        criterion: Any = student.ask("criterion", keep=True)
    else:
        model = RemoteReference(budget.learning_rate, student.seed)
        optimizer, criterion = _Steps(log, model, budget.learning_rate), WitnessDouble([])
    process: Any = diffuser or DiffuserDouble(
        [], ReadingDiffuser(**SCHEDULE, reading=reading), None, generator
    )
    trained = Trained(
        reading=reading,
        predict=_predictor(student, network) if network else model.predict,
        network=network,
    )

    def train() -> None:
        clock, sizes = _Clock(budget, tell), (budget.batches, budget.batch_size)
        arguments = {
            "model": model,
            "train_loader": LoaderDouble(
                [], "training", data.batch, *sizes, epochs=budget.epochs, go_on=clock.go_on
            ),
            "val_loader": LoaderDouble(
                [], "validation", data.validation, VALIDATION_BATCHES, budget.batch_size, epochs=budget.epochs
            ),
            "optimizer": optimizer,
            "criterion": criterion,
            "device": IN_USE,
            "num_epochs": budget.epochs,
            "diffuser": process,
            "totalTrainingTimesteps": SCHEDULE["total_steps"],
        }
        within = 3 * budget.seconds + 60
        returned = handout.call(student, "train", arguments, seed=student.seed + trained.steps, within=within)
        trained.steps += clock.steps
        _add_losses(trained, returned, budget.epochs)

    trained.continue_ = train
    train()
    return trained


def with_reference_trainer(
    student: Student,
    network: Network,
    reading: Reading,
    data: Data,
    budget: Budget,
    generator: torch.Generator,
    tell: Callable[[int, int], None],
) -> Trained:
    """Train the student's network as the reference would (algorithm 1), one step of Adam per batch.

    Raises:
        StudentError: the network failed.
    """
    process = ReadingDiffuser(**SCHEDULE, reading=reading)
    student.call(network.handle, method="train", keep=True)
    optimizer = student.ask("optimizer", network.handle, lr=budget.learning_rate, keep=True)
    trained = Trained(
        reading=reading,
        predict=_predictor(student, network),
        network=network,
    )

    def train() -> None:
        student.call(network.handle, method="train", keep=True)
        clock = _Clock(budget, tell)
        while clock.steps < budget.epochs * budget.batches and clock.go_on():
            images, _ = data.batch(0)
            steps = torch.randint(0, process.total_steps, (len(images),), generator=generator)
            x_t, goal = process.noise_diffusion(images, steps, torch.randn(images.shape, generator=generator))
            args = [x_t, steps_as(network.form, steps)]
            student.ask("fit", network.handle, optimizer=optimizer, args=args, goal=goal)
        trained.steps += clock.steps

    trained.continue_ = train
    train()
    return trained


def _predictor(student: Student, network: Network) -> Callable[[Tensor, Tensor], Tensor]:
    def predict(x: Tensor, steps: Tensor) -> Tensor:
        student.call(network.handle, method="eval", keep=True)
        parts = zip(torch.split(x, 128), torch.split(steps, 128), strict=True)
        return torch.cat([network.predict(student, *part, within=120.0) for part in parts])

    return predict


class RemoteReference(NetworkDouble):
    """The reference's network as a stand-in, moved here by the gradients that ``train`` sends back."""

    def __init__(self, lr: float, seed: int) -> None:
        super().__init__([], lambda x, t: x, most=sys.maxsize)  # the loaders come to an end
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = UNet(1, 1)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=lr)
        self.outputs: dict[int, Tensor] = {}
        self.respond = self._respond

    def _respond(self, x: Tensor, t: Tensor) -> Tensor:
        steps = (t.expand(len(x)) if t.numel() == 1 else t).float().view(-1, 1)
        output: Tensor = self.network(x.float(), steps)
        self.last = output
        return output.detach()

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Forward in the judge; backward from the gradient that came back."""
        if event == "backward":
            output = self.outputs.pop(args[0], None)
            if not state.get("gradient_before"):
                self.optimizer.zero_grad()
            if output is not None:
                output.backward(args[1].float())  # type: ignore[no-untyped-call]
            return None
        self.network.train(state["training"])
        with torch.set_grad_enabled(state["grad"]):
            answer = super().answer(event, args, kwargs, state)
        self.log.clear()
        self.outputs = {state["call"]: self.last} if state["grad"] else {}
        return answer

    def predict(self, x: Tensor, steps: Tensor) -> Tensor:
        """The network in eval mode."""
        self.network.eval()
        with torch.no_grad():
            predicted: Tensor = self.network(x, steps.float().view(-1, 1))
        return predicted


class _Steps(OptimizerDouble):
    """Adam on the reference's network, stepped by the student's ``train``."""

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """One step of Adam; clearing is seen from the stand-in's own gradient."""
        network = self.network
        if event == "step" and isinstance(network, RemoteReference):
            network.optimizer.step()


def _add_losses(trained: Trained, returned: Any, epochs: int) -> None:
    """Append the lists of losses, one per epoch, that ``train`` returned: training, then validation."""
    lists = [
        [float(item) for item in value]
        for value in (returned if isinstance(returned, tuple | list) else [returned])
        if isinstance(value, list)
        and len(value) == epochs
        and all(isinstance(item, float | int) for item in value)
    ]
    if trained.losses and len(trained.losses) == len(lists):
        trained.losses = [old + new for old, new in zip(trained.losses, lists, strict=True)]
    elif not trained.losses:
        trained.losses = lists
