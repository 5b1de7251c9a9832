"""Training sessions: the student's or the reference's trainer on the student's or the reference's network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.probes.answers import of_shape
from grader.probes.doubles import CriterionDouble, LoaderDouble
from grader.probes.training_budget import TrainingBudget, TrainingClock
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle
from reference.readings import Reading, ReadingDiffuser
from reference.schedule import SCHEDULE

from ..interface import signatures
from ..interface.conventions import TimestepEncoding
from ..interface.doubles import DiffuserDouble
from ..network.probe import Network, format_steps
from .image_data import VALIDATION_BATCHES, Batches, Predict
from .plan import TrainCalls
from .reference_double import ReferenceNetworkDouble, ReferenceOptimizerDouble


@dataclass(slots=True, kw_only=True)
class TrainingSession:
    """A training in progress.

    Attributes:
        predict: the network in its current state.
        network: the student's network; None if the reference's replaces it.
        clock: counts batches and decides when to stop.
        train: continues the training for a number of epochs, or until the clock ends it.
        losses: losses that ``train`` returned, one per epoch, if they could be read: training, validation.
    """

    predict: Predict
    network: Network | None
    clock: TrainingClock
    train: Callable[[int], None] = lambda _: None
    losses: list[list[float]] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Number of batches so far."""
        return self.clock.steps


def start_with_student_trainer(
    student: Student,
    network: Network | None,
    diffuser: Handle | None,
    reading: Reading,
    batches: Batches,
    budget: TrainingBudget,
    generator: torch.Generator,
    on_progress: Callable[[int, int], None],
    calls: TrainCalls,
) -> TrainingSession:
    """Return a session in which the student's ``train`` trains.

    Args:
        network: the student's network; None for the reference's, which stays in the judge (see
            ``reference_double``).
        diffuser: the student's diffuser; None for the reference's under ``reading``.
        generator: source of the noise of the reference's diffuser.
        on_progress: called with the numbers of finished and of all batches.
        calls: conventions of the student's ``train``.

    Raises:
        StudentError: ``train`` failed; raised by the session's ``train``.
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
        layout=calls.layout,
        numbering=calls.numbering,
        method=student.method("noise_diffusion"),
    )
    session = TrainingSession(
        predict=predictor(student, network) if network else _encoded(model, calls.encoding),
        network=network,
        clock=TrainingClock(budget, on_progress, student.time_used),
    )

    def new_optimizer() -> Any:
        if network is None:
            return ReferenceOptimizerDouble([], model, budget.learning_rate)
        # New for every call of train: a learning-rate schedule inside train ends near zero, and the next call
        # must not start there.
        return student.ask("optimizer", network.handle, name="adam", lr=budget.learning_rate, keep=True)

    def train(epochs: int) -> None:
        validation = LoaderDouble(
            [],
            "validation",
            batches.validation,
            VALIDATION_BATCHES,
            budget.batch_size,
            epochs=epochs,
            labels=calls.labels,
        )
        arguments = {
            "model": model,
            "train_loader": LoaderDouble(
                [],
                "training",
                batches.training,
                budget.batches,
                budget.batch_size,
                epochs=epochs,
                # Asked before every batch, while train waits for it: the moment for an evaluation (see
                # ``training``) or for the end of the training.
                go_on=session.clock.go_on,
                labels=calls.labels,
                held_out=validation,
            ),
            "val_loader": validation,
            "optimizer": new_optimizer(),
            "criterion": criterion,
            "device": CURRENT_DEVICE,
            "num_epochs": epochs,
            "diffuser": process,
            "totalTrainingTimesteps": SCHEDULE["total_steps"],
        }
        timeout, before = 3 * budget.seconds + 60, session.steps
        seed = student.seed + before
        returned = signatures.call(
            student, "train", arguments, constructor_arguments=SCHEDULE, seed=seed, timeout=timeout
        )
        ended_early = session.clock.decided or session.clock.out_of_time
        complete = (session.steps - before) // budget.batches if ended_early else epochs
        _add_losses(session, returned, epochs, complete)

    session.train = train
    return session


def start_with_reference_trainer(
    student: Student,
    network: Network,
    reading: Reading,
    batches: Batches,
    budget: TrainingBudget,
    generator: torch.Generator,
    on_progress: Callable[[int, int], None],
) -> TrainingSession:
    """Return a session in which algorithm 1 trains the student's network, one step of Adam per batch.

    Args:
        generator: source of timesteps and noise.
        on_progress: called with the numbers of finished and of all batches.

    Raises:
        StudentError: the network failed; raised by the session's ``train``, too.
    """
    process = ReadingDiffuser(**SCHEDULE, reading=reading)
    optimizer = student.ask("optimizer", network.handle, name="adam", lr=budget.learning_rate, keep=True)
    session = TrainingSession(
        predict=predictor(student, network),
        network=network,
        clock=TrainingClock(budget, on_progress, student.time_used),
    )

    def train(epochs: int) -> None:
        for _ in range(epochs * budget.batches):
            if not session.clock.go_on():
                return
            images, _ = batches.training(0)
            steps = torch.randint(0, process.total_steps, (len(images),), generator=generator)
            noise = torch.randn(images.shape, generator=generator)
            x_t, target = process.noise_diffusion(images, steps, noise)
            args = [x_t, format_steps(network.form, steps)]
            seed = student.seed + session.steps
            student.ask(
                "fit",
                network.handle,
                optimizer=optimizer,
                criterion="mse",
                args=args,
                goal=target,
                seed=seed,
            )

    session.train = train
    return session


def predictor(student: Student, network: Network) -> Predict:
    """Return a function that calls the student's network in eval mode, 128 images at a time."""

    def predict(x: Tensor, steps: Tensor) -> Tensor:
        student.call(network.handle, method="eval", keep=True)
        parts = zip(torch.split(x, 128), torch.split(steps, 128), strict=True)
        answers = [of_shape(network.predict(student, *part, timeout=120.0), part[0].shape) for part in parts]
        return torch.cat(answers).float()  # a sampler passes what it makes of them to the network again

    return predict


def _encoded(model: ReferenceNetworkDouble, encoding: TimestepEncoding) -> Predict:
    """Return a function that calls the reference network with the timesteps encoded as in its training."""
    return lambda x, steps: model.predict(x, encoding.encode(steps, SCHEDULE["total_steps"]))


def _add_losses(session: TrainingSession, returned: Any, epochs: int, complete: int) -> None:
    """Append the losses that ``train`` returned: lists with one number per epoch, training before validation.

    Args:
        epochs: number of epochs that ``train`` was given, and so the length of its lists.
        complete: number of epochs with all their batches; after an early end the others have just one batch
            each, and their losses are dropped.
    """
    several = isinstance(returned, tuple | list) and any(isinstance(one, list) for one in returned)
    lists = [
        [float(item) for item in value[:complete]]
        for value in (returned if several else [returned])
        if isinstance(value, list)
        and len(value) == epochs
        and all(isinstance(item, float | int) for item in value)
    ]
    if session.losses and len(session.losses) == len(lists):
        session.losses = [old + new for old, new in zip(session.losses, lists, strict=True)]
    elif not session.losses:
        session.losses = lists
