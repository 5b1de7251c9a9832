"""Compare the numbers that ``train`` and ``generate_samples`` pass to the network for the same timestep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.sandbox.student import Student

from .interface.conventions import TimestepEncoding, tabulate_encoding
from .sampler.probe import RecoveredSampler
from .sampler.setup import SCHEDULE, STEPS
from .trainer.probe import run_again
from .trainer.recording import RecordedTraining
from .trainer.setup import RunSize


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Timesteps of which a network that ``train`` has trained knows nothing.

    Attributes:
        passed: the numbers that the sampler passes at its first and last step.
        due: those that ``train`` would pass.
        is_of_training: whether ``train`` is the one that departs from plain timesteps.
    """

    passed: tuple[float, float]
    due: tuple[float, float]
    is_of_training: bool

    def unmet(self) -> Unmet:
        """Return the sentence for the student."""
        return Unmet(
            f"generate_samples passes {self.passed[0]:g} as t to the network at its first step and "
            f"{self.passed[1]:g} at its last, where train would pass {self.due[0]:g} and {self.due[1]:g}. A "
            "network trained that way has never seen these timesteps, or takes them for others.",
            expected=f"t from {self.due[0]:g} to {self.due[1]:g}, as in train",
            actual=f"t from {self.passed[0]:g} to {self.passed[1]:g}",
            misconception="told-otherwise-than-trained",
        )


def find_disagreement(
    student: Student,
    training: RecordedTraining,
    sampling: RecoveredSampler,
    generator: Callable[[], torch.Generator],
) -> Disagreement | None:
    """Compare the timesteps that both functions pass; None if they agree or cannot be compared.

    Args:
        generator: opens the stream for another run of ``train``, which an unusual encoding takes.
    """
    passed = [call.t.flatten()[0].item() for call in sampling.first.calls if call.t is not None]
    if training.error or not training.timestep_pairs or len(passed) != STEPS:
        return None
    encoding = training.usual_encoding or _table_for_the_sampler(student, training, generator())
    if encoding is None:
        return None
    countdown = torch.arange(STEPS).flip(0)
    due = encoding.encode(countdown, STEPS).double()
    given = torch.tensor(passed, dtype=torch.float64)
    compared = _seen(encoding, countdown)
    scale = due.abs().max().clamp_min(1e-12)
    if len(due[compared]) < STEPS / 2 or bool(((due - given).abs()[compared] < 2e-3 * scale).all()):
        return None
    plain = torch.equal(given, countdown.double()) or torch.equal(given, countdown.double() + 1)
    return Disagreement(
        (passed[0], passed[-1]),
        (due[0].item(), due[-1].item()),
        is_of_training=plain and training.usual_encoding is None,
    )


def _table_for_the_sampler(
    student: Student, training: RecordedTraining, generator: torch.Generator
) -> TimestepEncoding | None:
    """Return the numbers that ``train`` passes with the schedule on which the sampler was recovered."""
    again = run_again(student, training, generator, size=RunSize(schedule=SCHEDULE))
    return tabulate_encoding(again.timestep_pairs, training.numbering.first, STEPS)


def _seen(encoding: TimestepEncoding, steps: Tensor) -> Tensor:
    """Return a mask of the steps whose number is known and not interpolated."""
    if not encoding.table:
        return torch.ones_like(steps, dtype=torch.bool)
    known = {step for step, _ in encoding.table}
    return torch.tensor([int(step) in known for step in steps])
