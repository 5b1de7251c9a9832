"""Runs a student's ``train`` on stand-ins, and sorts what it asked of them into what it must have done.

The network's answers are small random images that only the judge knows. The gradient that comes back to them
is proportional to (answer − target) for a squared error, so it says what the loss compared, however that was
written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.pretrained import ScheduleArguments
from reference.readings import Reading, ReadingDiffuser

from ..interface import signatures
from ..interface.conventions import (
    HANDOUT_LAYOUT,
    ReturnLayout,
    StepNumbering,
    TimestepEncoding,
    infer_encoding,
    values_in,
)
from ..interface.doubles import (
    CriterionDouble,
    DiffuserDouble,
    LoaderDouble,
    NetworkDouble,
    OptimizerDouble,
    RecordedEvent,
)

EPOCHS, BATCHES, VALIDATION_BATCHES, BATCH = 2, 6, 3, 16
STEPS = 40
ARGUMENTS = (
    *("model", "train_loader", "val_loader", "optimizer", "criterion", "device", "num_epochs", "diffuser"),
    "totalTrainingTimesteps",
)
SCHEDULE: ScheduleArguments = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": STEPS}


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """One forward call of the network, with what belongs to it."""

    forward: RecordedEvent
    validating: bool
    image: Tensor | None = None  # x_0, if it is known
    noise: Tensor | None = None  # what was to be found, if that is known
    t: Tensor | None = None  # the step as the diffuser was given it
    form: str = ""  # in which the diffuser was given it
    gradient: Tensor | None = None
    gradient_before: float | None = None


@dataclass(slots=True, kw_only=True)
class RecordedTraining:
    """What a run of ``train`` on stand-ins showed.

    Attributes:
        reading: the forward process that the stand-in for the diffuser followed.
        numbering, answers: how it counted the steps, and how it answered.
        labels: whether batches came with labels.
        unusual: how the network is told the step, where no usual scale fits.
        log: every event, in order.
        returned, inside: what ``train`` returned, and the same with what objects hold in their place.
        error: why it did not come to its end, if it did not.
    """

    reading: Reading
    numbering: StepNumbering = field(default_factory=StepNumbering)
    answers: ReturnLayout = HANDOUT_LAYOUT
    labels: bool = True
    at_odds: ReturnLayout | None = None  # with the student's own diffuser, which answers like this
    outside: str = ""  # variables of the notebook that it reads, with their places
    stale: Mapping[str, str] = field(default_factory=dict)  # those that had to be set to its arguments
    unusual: TimestepEncoding | None = None
    log: list[RecordedEvent] = field(default_factory=list)
    returned: Any = None
    inside: Any = None
    error: StudentError | None = None
    _read: tuple[int, list[ForwardPass]] | None = None  # of so many events

    @property
    def passes(self) -> list[ForwardPass]:
        """The network's forward calls."""
        if self._read is None or self._read[0] != len(self.log):
            self._read = len(self.log), self._passes()
        return self._read[1]

    def _passes(self) -> list[ForwardPass]:
        gradients = {e.call: e for e in self.log if e.kind == "backward"}
        found: list[ForwardPass] = []
        loader, diffusions = "", list[RecordedEvent]()
        for event in self.log:
            if event.kind in ("epoch", "batch"):
                loader = event.name
            elif event.kind == "diffuse":
                diffusions.append(event)
            elif event.kind == "forward":
                source = _source(event, diffusions)
                back = gradients.get(event.call)
                found.append(
                    ForwardPass(
                        forward=event,
                        validating=loader == "validation",
                        image=source.image if source else None,
                        noise=source.target if source else None,
                        t=source.t if source else None,
                        form=source.form if source else "",
                        gradient=back.x if back else None,
                        gradient_before=back.gradient_before if back else None,
                    )
                )
        return found

    def sees_clean_image(self, one: ForwardPass) -> bool:
        """Whether the network was shown an image of a loader as it is."""
        images = [e.image for e in self.log if e.kind == "batch" and e.image is not None]
        x = one.forward.x
        return x is not None and any(image.shape == x.shape and torch.equal(image, x) for image in images)

    @property
    def told(self) -> list[tuple[Tensor, Tensor, str]]:
        """The steps that the diffuser was given, with what the network was told, and in which form."""
        return [
            (p.t, p.forward.t, p.forward.form)
            for p in self.training_passes
            if p.t is not None and p.forward.t is not None
        ]

    @property
    def usual(self) -> TimestepEncoding | None:
        """How the network is told the step, where a usual scale fits."""
        return infer_encoding(self.told, self.numbering.first, STEPS)

    @property
    def telling(self) -> TimestepEncoding:
        """How the network is told the step."""
        return self.unusual or self.usual or TimestepEncoding(self.numbering.first, form=self.told[0][2])

    def convention(self) -> str:
        """How ``train`` calls what it is given, in words."""
        forms = sorted({one.form for one in self.training_passes if one.form})
        told = self.telling
        asked = [f"gives noise_diffusion t as {' or '.join(forms)}"] if forms else []
        asked += [f"tells the network {told.scale} as {told.form}"] if told.form else []
        asked += [] if self.labels else ["takes batches without labels"]
        asked += [f"returns {_kind(self.returned)}"] if self.error is None else [f"stops: {self.error}"]
        return "; ".join(asked)

    @property
    def training_passes(self) -> list[ForwardPass]:
        """Those on batches of the training loader; without gradients only if all are, for such among others
        validate on the wrong loader.
        """
        passes = _on_batches([p for p in self.passes if not p.validating])
        return [p for p in passes if p.forward.grad] or passes

    @property
    def validation_passes(self) -> list[ForwardPass]:
        """Those on batches of the validation loader."""
        return _on_batches([p for p in self.passes if p.validating])


def _kind(returned: Any) -> str:
    if isinstance(returned, tuple | list) and len(returned) < 9:
        inside = ", ".join(type(item).__name__ for item in returned)
        return f"a {type(returned).__name__} ({inside})"
    return "nothing" if returned is None else f"a {type(returned).__name__}"


def _on_batches(passes: list[ForwardPass]) -> list[ForwardPass]:
    """Those that look at a batch: not, say, the drawing of samples after an epoch."""
    known = [p for p in passes if p.noise is not None]
    return known or passes  # a ``train`` that mixes images and noise itself leaves no such trace


def _source(forward: RecordedEvent, diffusions: list[RecordedEvent]) -> RecordedEvent | None:
    """The diffusion whose result the network was shown."""
    for event in reversed(diffusions[-4:]):
        if forward.x is None or event.x is None or event.x.shape != forward.x.shape:
            continue
        if torch.allclose(event.x, forward.x.float(), atol=1e-5):
            return event
    return None


def run(
    student: Student,
    reading: Reading,
    fallback: Handle | None,
    generator: torch.Generator,
    *,
    numbering: StepNumbering = StepNumbering(),  # noqa: B008  it is frozen
    answers: ReturnLayout = HANDOUT_LAYOUT,
) -> RecordedTraining:
    """Run the student's ``train`` for two short epochs on stand-ins; once more on batches without labels,
    where it does not come to use any with them.
    """
    training = run_once(student, reading, fallback, generator, numbering, answers, labels=True)
    asked = any(event.kind in ("diffuse", "forward") for event in training.log)
    if training.error and not training.error.lost and not asked:
        bare = run_once(student, reading, fallback, generator, numbering, answers, labels=False)
        if bare.error is None:
            return bare
    return training


def run_once(
    student: Student,
    reading: Reading,
    fallback: Handle | None,
    generator: torch.Generator,
    numbering: StepNumbering,
    answers: ReturnLayout,
    variables: Mapping[str, str] | None = None,
    *,
    labels: bool = True,
    schedule: ScheduleArguments = SCHEDULE,
) -> RecordedTraining:
    """Run it once; ``variables`` of the notebook, by name, are set to the arguments that they stand for."""
    training = RecordedTraining(reading=reading, numbering=numbering, answers=answers, labels=labels)
    training.outside = signatures.free_variable_places(student, "train")
    log = training.log
    reference = ReadingDiffuser(**schedule, reading=reading)
    network = NetworkDouble(
        log,
        lambda x, t: 0.1 * torch.randn(x.shape, generator=generator),
        max_images=20
        * EPOCHS
        * (BATCHES + VALIDATION_BATCHES)
        * BATCH,  # drawing samples now and then is usual
    )
    arguments: dict[str, Any] = {
        "model": network,
        "train_loader": LoaderDouble(
            log, "training", _random_batches(generator), BATCHES, BATCH, epochs=EPOCHS, labels=labels
        ),
        "val_loader": LoaderDouble(
            log,
            "validation",
            _random_batches(generator),
            VALIDATION_BATCHES,
            BATCH,
            epochs=EPOCHS,
            labels=labels,
        ),
        "optimizer": OptimizerDouble(log, network, lr=0.01),
        "criterion": CriterionDouble(log),
        "device": CURRENT_DEVICE,
        "num_epochs": EPOCHS,
        "diffuser": DiffuserDouble(
            log,
            reference,
            fallback,
            generator,
            layout=answers,
            numbering=numbering,
            method=student.method("noise_diffusion"),
        ),
        "totalTrainingTimesteps": schedule["total_steps"],
    }
    try:
        training.returned = signatures.call(
            student,
            "train",
            arguments,
            constructor_arguments=schedule,
            variables=variables,
            seed=student.seed,
            timeout=120.0,
        )
        training.inside = _opened(student, training.returned)
    except StudentError as error:
        training.error = error
    return training


def _opened(student: Student, returned: Any) -> Any:
    """What ``train`` returned, with lists that objects hold, or the columns of tables, in their place."""
    if type(returned) in (tuple, list) and len(returned) < 9:
        return type(returned)(_opened(student, item) for item in returned)
    if not isinstance(returned, Handle):
        return returned
    if returned.type == "DataFrame":
        return student.call(returned, "list", method="to_dict")
    lists = [value for value in values_in(student, returned)[1].values() if isinstance(value, list | Tensor)]
    return lists or returned


def _random_batches(generator: torch.Generator) -> Any:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        images = torch.rand((BATCH, 1, 28, 28), generator=generator)
        return images, torch.randint(0, 10, (BATCH,), generator=generator)

    return batch
