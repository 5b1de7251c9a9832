"""What a short training is made of: whose parts take part, and how they are called."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from grader.checks import Blocked
from reference.readings import PAPER, Reading

from ..forward.probe import Forward
from ..forward.schedule import MatchedReading
from ..interface.conventions import ReturnLayout, StepNumbering, TimestepEncoding
from ..network.probe import MIN_EFFECT, InputPaths, Network
from ..trainer.expectations import trains_correctly
from ..trainer.recording import RecordedTraining
from ..trainer.run import interfaces_agree
from . import measured


@dataclass(frozen=True, slots=True)
class TrainCalls:
    """How the student's ``train`` calls what it is given, as a run on stand-ins showed it."""

    labels: bool
    numbering: StepNumbering
    answers: ReturnLayout
    telling: TimestepEncoding

    @classmethod
    def seen_in(cls, training: RecordedTraining) -> TrainCalls:
        """Those of a run."""
        return cls(training.labels, training.numbering, training.layout, training.encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Which parts are the student's; the reference's take the place of the others.

    Attributes:
        form: in which the student's network takes t; None where the network is the reference's.
        charged: whether the network has lost points already, so that it only has to learn something.
        own_trainer: whether the student's ``train`` trains; else algorithm 1 as the reference has it.
        calls: how that calls what it is given, where it was tried.
        own_diffuser: whether the student's NoiseDiffuser makes x_t; else the reference's under ``reading``.
        reading: the forward process.
        replaced: the parts of which the report says that the reference's were used.
    """

    form: str | None
    charged: bool
    own_trainer: bool
    calls: TrainCalls | None
    own_diffuser: bool
    reading: Reading
    replaced: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The definitions of the student's that take part."""
        own = {"UNet": self.form is not None, "train": self.own_trainer, "NoiseDiffuser": self.own_diffuser}
        return tuple(name for name, is_own in own.items() if is_own)

    def as_json(self) -> dict[str, Any]:
        """Plain data that differs between plans that differ."""
        calls = None
        if self.calls:
            calls = asdict(self.calls)
            calls["numbering"]["padded"] = sorted(self.calls.numbering.padded)
        return {
            "form": self.form,
            "charged": self.charged,
            "own_trainer": self.own_trainer,
            "calls": calls,
            "own_diffuser": self.own_diffuser,
            "reading": measured.key(self.reading),
        }


def planned(
    *,
    network: Network | None,
    paths: InputPaths | None,
    training: RecordedTraining | None,
    course: MatchedReading | None,
    forward: Forward | None,
) -> TrainingPlan:
    """A plan with all of the student's that is sound; None stands for what cannot be asked.

    Args:
        course: how the student's forward process is read, if it can be built upon; ``forward`` is that.

    Raises:
        Blocked: there is nothing of the student's to train with.
    """
    usable = (
        network is not None
        and not isinstance(network.output, str)
        and network.output.shape[1:] == (1, 28, 28)
    )
    own_trainer = training is not None and trains_correctly(training)
    if not usable and not own_trainer:
        raise Blocked(
            "Neither the network nor the training loop works, so there is nothing of yours to train with."
        )
    own = {"network": usable, "train": own_trainer, "diffuser": course is not None}
    return TrainingPlan(
        form=network.form if network and usable else None,
        charged=usable and not _joined(paths),
        own_trainer=own_trainer,
        calls=TrainCalls.seen_in(training) if training else None,
        own_diffuser=own_trainer and forward is not None and interfaces_agree(training, forward),
        reading=course.as_returned if course else PAPER,
        replaced=tuple(part for part, is_own in own.items() if not is_own),
    )


def _joined(paths: InputPaths | None) -> bool:
    """Whether the network has its skip connections and hears of the step; else it lost points there."""
    return (
        paths is not None
        and bool(paths.skip_effects)
        and min(*paths.skip_effects, paths.time_effect) > MIN_EFFECT
    )
