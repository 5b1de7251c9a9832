"""The short training as it is judged: which parts take part, how far it comes, and whether to go on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from grader.checks import Talk
from grader.sandbox.student import Student
from grader.sandbox.terms import Handle
from reference.readings import PAPER, Reading

from . import calibration
from .probe_learning import (
    Budget,
    Data,
    Trained,
    held_out_error,
    with_reference_trainer,
    with_students_trainer,
)
from .probe_network import Network
from .schedule import Judged

_PARTS = ("network", "train", "diffuser")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What a short training came to: its held-out error, the reference's at the same step, and the bound
    between.
    """

    trained: Trained
    error: float
    reference: float
    bound: float


def learn(
    student: Student,
    *,
    network: Network | None,
    own_trainer: bool,
    course: Judged | None,
    diffuser: Handle | None,
    data: Data,
    budget: Budget,
    factor: float,
    generator: torch.Generator,
    talk: Talk,
) -> Learning:
    """Train with the student's parts, the reference's in place of broken ones, and once more before a fail.

    Args:
        network: the student's; None puts the reference's in its place.
        own_trainer: whether the student's ``train`` trains; else algorithm 1 as the reference has it.
        course: how the student's forward process is read; None puts the reference's in its place.
        factor: how many times the reference's error is still well learnt.

    Raises:
        StudentError: the student's code failed on the way.
    """
    reading = course.as_returned if course else PAPER

    def tell(done: int, total: int) -> None:
        talk.progress("training", done, total)

    started = time.monotonic()
    if network is None or own_trainer:
        trained = with_students_trainer(student, network, diffuser, reading, data, budget, generator, tell)
    else:
        trained = with_reference_trainer(student, network, reading, data, budget, generator, tell)
    found = _judge(trained, reading, data, factor, student.seed)
    if not found.error <= found.bound:
        trained.continue_()
        found = _judge(trained, reading, data, factor, student.seed)
    talk.spend("training", time.monotonic() - started)
    replaced = [part for part, whose in zip(_PARTS, trained.whose, strict=True) if whose == "reference"]
    if replaced:
        what = " and ".join(replaced)
        talk.note(
            f"The short training used the reference's {what}, since yours cannot be built upon as it is."
        )
    return found


def _judge(trained: Trained, reading: Reading, data: Data, factor: float, seed: int) -> Learning:
    reference = calibration.held_out_error(reading, trained.steps)
    return Learning(
        trained=trained,
        error=held_out_error(trained, data, seed),
        reference=reference,
        bound=factor * reference,
    )
