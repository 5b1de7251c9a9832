"""Plan of a short training: which parts are the student's, and how they are called."""

from __future__ import annotations

from dataclasses import dataclass

from grader.checks import Blocked
from reference.readings import PAPER, Reading

from ..forward.probe import Forward
from ..forward.schedule import MatchedReading
from ..interface.conventions import ReturnLayout, StepNumbering, TimestepEncoding
from ..network.paths import InputPaths
from ..network.probe import Network
from ..trainer.expectations import trains_correctly
from ..trainer.recording import RecordedTraining
from ..trainer.run import interfaces_agree


@dataclass(frozen=True, slots=True)
class TrainCalls:
    """Conventions of the student's ``train``, as recorded.

    Attributes:
        labels: whether batches need labels.
        numbering: how timesteps are counted.
        layout: layout of the results that it expects of ``noise_diffusion``.
        encoding: encoding of the timestep for the network.
    """

    labels: bool
    numbering: StepNumbering
    layout: ReturnLayout
    encoding: TimestepEncoding

    @classmethod
    def of(cls, training: RecordedTraining) -> TrainCalls:
        """Return the conventions of a recorded run."""
        return cls(training.labels, training.numbering, training.layout, training.encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """The parts that train; the reference's replace those that are not the student's.

    Attributes:
        form: form of t that the student's network takes; None if the network is the reference's.
        network_penalized: whether the network already lost points, so that it only has to learn something.
        own_trainer: whether the student's ``train`` runs; otherwise algorithm 1 as in the reference.
        calls: conventions of the student's ``train``; None if it could not be recorded.
        own_diffuser: whether the student's NoiseDiffuser computes x_t; otherwise the reference's under
            ``reading``.
        reading: formulation of the forward process.
        replaced: names of the replaced parts, for the report.
    """

    form: str | None
    network_penalized: bool
    own_trainer: bool
    calls: TrainCalls | None
    own_diffuser: bool
    reading: Reading
    replaced: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the student's definitions that take part."""
        own = {"UNet": self.form is not None, "train": self.own_trainer, "NoiseDiffuser": self.own_diffuser}
        return tuple(name for name, is_own in own.items() if is_own)


def plan_training(
    *,
    network: Network | None,
    paths: InputPaths | None,
    training: RecordedTraining | None,
    usable_reading: MatchedReading | None,
    forward: Forward | None,
    refused: bool = False,
) -> TrainingPlan:
    """Plan a training with every part of the student's that works.

    Args:
        network, paths, training: None if the student's part could not be probed.
        usable_reading: formulation of the student's forward process; None if training cannot rely on it.
        forward: that forward process.
        refused: whether the network does not accept the precision in which it returns.

    Raises:
        Blocked: neither network nor ``train`` works.
    """
    usable = (
        network is not None
        and not isinstance(network.output, str)
        and network.output.shape[1:] == (1, 28, 28)
    )
    own_trainer = training is not None and trains_correctly(training)
    if not usable and not own_trainer:
        raise Blocked(
            "Neither your network nor your train works yet, so there is nothing of yours to train with."
        )
    own = {"network": usable, "train": own_trainer, "diffuser": usable_reading is not None and not refused}
    return TrainingPlan(
        form=network.form if network and usable else None,
        network_penalized=usable and not (paths is not None and paths.is_complete),
        own_trainer=own_trainer,
        calls=TrainCalls.of(training) if training else None,
        own_diffuser=(
            own_trainer and forward is not None and not refused and interfaces_agree(training, forward)
        ),
        reading=usable_reading.as_returned if usable_reading else PAPER,
        replaced=tuple(part for part, is_own in own.items() if not is_own),
    )
