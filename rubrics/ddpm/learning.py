"""The short training as it is judged: which parts take part, how far it comes, and whether to go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from grader.checks import Blocked, Talk
from grader.sandbox.student import Student
from grader.sandbox.terms import Handle
from reference.readings import PAPER, Reading

from .budget import Budget
from .probe_learning import (
    Data,
    Trained,
    held_out_error,
    with_reference_trainer,
    with_students_trainer,
)
from .probe_network import Network
from .probe_trainer import Training
from .schedule import Judged
from .yardstick import Yardstick


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What a short training came to.

    Attributes:
        error: on held-out images, relative to the noise's variance.
        limited: whether all predictions are positive, or within ±1, as noise is not. A network that was
            charged may predict so little.
        compared: the number of steps at which it is compared with the reference.
        reference: the reference's error then.
        bound: the error up to which it has learnt.
        undecided: the error up to which that cannot be told; the same or greater.
    """

    trained: Trained
    error: float
    limited: bool
    compared: int
    reference: float
    yardstick: Yardstick
    bound: float
    undecided: float

    @property
    def learnt(self) -> bool:
        """Whether the error keeps the bound, which NaN does not, with predictions that noise may have."""
        return self.error <= self.bound and not self.limited


def learn(
    student: Student,
    *,
    network: Network | None,
    charged: bool,
    own_trainer: bool,
    shown: Training | None,
    course: Judged | None,
    diffuser: Handle | None,
    data: Data,
    yardstick: Callable[[Reading], Yardstick],
    budget: Budget,
    tolerance: Mapping[str, float],
    seeded: Callable[[str], torch.Generator],
    talk: Talk,
) -> Learning:
    """Train with the student's parts, and the reference's in place of broken ones, until the network has
    learnt as much as the whole budget has to bring; before a fail, beyond the budget.

    Args:
        network: the student's; None puts the reference's in its place.
        charged: whether the network has lost points already, so that it only has to learn something.
        own_trainer: whether the student's ``train`` trains; else algorithm 1 as the reference has it.
        shown: its run on stand-ins, if there was one.
        course: how the student's forward process is read; None puts the reference's in its place.
        yardstick: what the reference comes to on such data under a reading.
        tolerance: ``learns`` and ``learns_not``, how many times the reference's error is surely well learnt,
            and surely not; ``learns_something``, the error at which a network that was charged has learnt.
        seeded: the judge's random numbers for a purpose.

    Raises:
        StudentError: the student's code failed on the way.
        Blocked: neither network nor trainer is right, and what they are charged for explains the failure.
    """
    reading, generator = course.as_returned if course else PAPER, seeded("learning")

    def tell(done: int, total: int) -> None:
        talk.progress("training", done, total)

    def run(network: Network | None) -> Learning:
        if shown is not None and (network is None or own_trainer):
            trained = with_students_trainer(
                student, network, diffuser, reading, data, budget, generator, tell, shown
            )
        else:
            assert network is not None
            trained = with_reference_trainer(student, network, reading, data, budget, generator, tell)
        lenient = charged and network is not None
        offered = 0
        for epochs in budget.stretches:
            trained.train(epochs)
            offered += epochs * budget.batches
            # Who learns early need not go on; who saw less than was offered is compared with as little.
            compared = max(offered, budget.steps) if trained.steps >= offered else trained.steps
            found = _judge(trained, compared, reached, data, tolerance, lenient, seeded("held-out"))
            if found.learnt or trained.clock.stopped:
                break
        return found

    reached = yardstick(reading)
    started = time.monotonic()
    found = run(network)
    if charged and network is not None and not found.learnt:
        if not own_trainer:
            raise Blocked("Your network does not learn, which what it lost points for above explains.")
        found = run(None)
    trained = found.trained
    talk.spend("training", time.monotonic() - started)
    if trained.clock.stopped:
        talk.note(f"The short training was stopped after {trained.steps} steps, when its time was up.")
    own = {"network": trained.network is not None, "train": own_trainer, "diffuser": course is not None}
    replaced = [part for part, is_own in own.items() if not is_own]
    if replaced:
        what = " and ".join(replaced)
        talk.note(
            f"The short training used the reference's {what}, since yours cannot be built upon as it is."
        )
    return found


def _judge(
    trained: Trained,
    compared: int,
    yardstick: Yardstick,
    data: Data,
    tolerance: Mapping[str, float],
    lenient: bool,
    generator: torch.Generator,
) -> Learning:
    error, limited = held_out_error(trained, data, generator)
    reference = yardstick.error(compared)
    least = tolerance["learns_something"] if lenient else 0.0
    return Learning(
        trained=trained,
        error=error,
        limited=limited and not lenient,
        compared=compared,
        reference=reference,
        yardstick=yardstick,
        bound=max(tolerance["learns"] * reference, least),
        undecided=max(tolerance["learns_not"] * reference, least),
    )
