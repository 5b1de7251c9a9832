"""What a short training is made of: whose parts take part, and how they are called."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from reference.readings import Reading

from . import calibration
from .conventions import Answers, Numbering, Telling
from .probe_trainer import Training


@dataclass(frozen=True, slots=True)
class Calls:
    """How the student's ``train`` calls what it is given, as a run on stand-ins showed it."""

    labels: bool
    numbering: Numbering
    answers: Answers
    telling: Telling

    @classmethod
    def seen_in(cls, training: Training) -> Calls:
        """Those of a run."""
        return cls(training.labels, training.numbering, training.answers, training.telling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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
    calls: Calls | None
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
            "reading": calibration.key(self.reading),
        }
