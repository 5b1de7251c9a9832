"""Runs a student's ``train`` on stand-ins, and sorts what it asked of them into what it must have done.

The network's answers are small random images that only the judge knows. The gradient that comes back to them
is proportional to (answer − target) for a squared error, so it says what the loss compared, however that was
written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.terms import IN_USE, Handle, StudentError
from reference.diffuser import NoiseDiffuser
from reference.pretrained import ScheduleArguments
from reference.readings import Reading, ReadingDiffuser

from . import handout
from .doubles import (
    DiffuserDouble,
    Event,
    LoaderDouble,
    NetworkDouble,
    OptimizerDouble,
    WitnessDouble,
    cosine,
)

EPOCHS, BATCHES, VALIDATION_BATCHES, BATCH = 2, 6, 3, 16
STEPS = 40
SCHEDULE: ScheduleArguments = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": STEPS}


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward call of the network, with what belongs to it."""

    forward: Event
    validating: bool
    image: Tensor | None = None  # x_0, if it is known
    noise: Tensor | None = None  # what was to be found, if that is known
    t: Tensor | None = None  # the step as the diffuser was given it
    gradient: Tensor | None = None
    gradient_before: float | None = None


@dataclass(slots=True, kw_only=True)
class Training:
    """What a run of ``train`` on stand-ins showed.

    Attributes:
        reading: the forward process that the stand-in for the diffuser followed.
        log: every event, in order.
        returned: what ``train`` returned.
        error: why it did not come to its end, if it did not.
    """

    reading: Reading
    log: list[Event] = field(default_factory=list)
    returned: Any = None
    error: StudentError | None = None

    @property
    def passes(self) -> list[Pass]:
        """The network's forward calls."""
        gradients = {e.call: e for e in self.log if e.kind == "backward"}
        found: list[Pass] = []
        loader, diffusions = "", list[Event]()
        for event in self.log:
            if event.kind in ("epoch", "batch"):
                loader = event.who
            elif event.kind == "diffuse":
                diffusions.append(event)
            elif event.kind == "forward":
                source = _source(event, diffusions)
                back = gradients.get(event.call)
                found.append(
                    Pass(
                        forward=event,
                        validating=loader == "validation",
                        image=source.image if source else None,
                        noise=source.target if source else None,
                        t=source.t if source else None,
                        gradient=back.x if back else None,
                        gradient_before=back.gradient_before if back else None,
                    )
                )
        return found

    def sees_clean_image(self, one: Pass) -> bool:
        """Whether the network was shown an image of a loader as it is."""
        images = [e.image for e in self.log if e.kind == "batch" and e.image is not None]
        x = one.forward.x
        return x is not None and any(image.shape == x.shape and torch.equal(image, x) for image in images)

    @property
    def training_passes(self) -> list[Pass]:
        """Those on batches of the training loader."""
        return _on_batches([p for p in self.passes if not p.validating])

    @property
    def validation_passes(self) -> list[Pass]:
        """Those on batches of the validation loader."""
        return _on_batches([p for p in self.passes if p.validating])


def _on_batches(passes: list[Pass]) -> list[Pass]:
    """Those that look at a batch: not, say, the drawing of samples after an epoch."""
    known = [p for p in passes if p.noise is not None]
    return known or passes  # a ``train`` that mixes images and noise itself leaves no such trace


def _source(forward: Event, diffusions: list[Event]) -> Event | None:
    """The diffusion whose result the network was shown."""
    for event in reversed(diffusions[-4:]):
        if forward.x is None or event.x is None or event.x.shape != forward.x.shape:
            continue
        if torch.allclose(event.x, forward.x.float(), atol=1e-5):
            return event
    return None


def run(student: Student, reading: Reading, fallback: Handle | None, generator: torch.Generator) -> Training:
    """Run the student's ``train`` for two short epochs on stand-ins."""
    training = Training(reading=reading)
    log = training.log
    reference = ReadingDiffuser(**SCHEDULE, reading=reading)
    network = NetworkDouble(
        log,
        lambda x, t: 0.1 * torch.randn(x.shape, generator=generator),
        most=20 * EPOCHS * (BATCHES + VALIDATION_BATCHES) * BATCH,  # drawing samples now and then is usual
    )
    arguments: dict[str, Any] = {
        "model": network,
        "train_loader": LoaderDouble(
            log, "training", _random_batches(generator), BATCHES, BATCH, epochs=EPOCHS
        ),
        "val_loader": LoaderDouble(
            log, "validation", _random_batches(generator), VALIDATION_BATCHES, BATCH, epochs=EPOCHS
        ),
        "optimizer": OptimizerDouble(log, network, lr=0.01),
        "criterion": WitnessDouble(log),
        "device": IN_USE,
        "num_epochs": EPOCHS,
        "diffuser": DiffuserDouble(log, reference, fallback, generator),
        "totalTrainingTimesteps": STEPS,
    }
    try:
        training.returned = handout.call(student, "train", arguments, seed=student.seed, within=120.0)
    except StudentError as error:
        training.error = error
    return training


def _random_batches(generator: torch.Generator) -> Any:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        images = torch.rand((BATCH, 1, 28, 28), generator=generator)
        return images, torch.randint(0, 10, (BATCH,), generator=generator)

    return batch


def targets(training: Training) -> Counter[str]:
    """What the loss compared the prediction with, over all training passes: noise, clean, noisy, fresh
    (noise, but not the one in the image), or other.

    From the gradients where they came back, otherwise from what the criterion was given.
    """
    found: Counter[str] = Counter()
    compared = [e for e in training.log if e.kind == "compare"]
    for one in training.training_passes:
        if one.gradient is not None and one.forward.answer is not None:
            found[_nearest(one.gradient, one)] += 1
            continue
        for event in compared:
            other = _other_side(event, one)
            if other is not None:
                found[_equal(other, one)] += 1
    return found


def _candidates(one: Pass) -> dict[str, Tensor]:
    named = {"noise": one.noise, "clean": one.image, "noisy": one.forward.x}
    return {name: tensor.float() for name, tensor in named.items() if tensor is not None}


def _nearest(gradient: Tensor, one: Pass) -> str:
    """The candidate τ for which the gradient points along (answer − τ): 1.0 for a squared error, 0.8 for an
    absolute.
    """
    assert one.forward.answer is not None
    answer = one.forward.answer
    likeness = {name: cosine(gradient, answer - tau) for name, tau in _candidates(one).items()}
    best = max(likeness, key=likeness.__getitem__, default="other")
    if likeness.get(best, 0.0) > 0.75:
        return best
    if gradient.shape != answer.shape:
        return "other"
    # Of a mean squared error the target is known exactly, and with it whether that looks like noise.
    return _noise_or_other(answer - gradient * answer.numel() / 2)


def _other_side(event: Event, one: Pass) -> Tensor | None:
    """What the network's answer was compared with in this event, if its answer is one of the two sides."""
    answer = one.forward.answer
    for side, other in ((event.x, event.target), (event.target, event.x)):
        if (
            answer is not None
            and side is not None
            and side.shape == answer.shape
            and torch.equal(side, answer)
        ):
            return other
    return None


def _equal(other: Tensor, one: Pass) -> str:
    candidates = _candidates(one).items()
    return next(
        (n for n, tau in candidates if tau.shape == other.shape and torch.allclose(tau, other, atol=1e-5)),
        _noise_or_other(other),
    )


def _noise_or_other(target: Tensor) -> str:
    """ "fresh" for what looks like standard normal noise; 12,544 pixels have a deviation of 1 ± 0.006."""
    return "fresh" if abs(target.mean()) < 0.05 and abs(target.std() - 1) < 0.05 else "other"


def own_noise(training: Training) -> bool:
    """Whether a ``train`` that mixes images and noise itself does so by the formula, and compares with that
    noise.

    For a squared error of mean reduction the target is answer − gradient · n / 2; with it, x_t must be the
    mix of an image of the batch and that noise.
    """
    schedule = NoiseDiffuser(**SCHEDULE)
    batches = [
        e.image for e in training.log if e.kind == "batch" and e.who == "training" and e.image is not None
    ]
    passes = [p for p in training.training_passes if p.gradient is not None]
    if not passes or len(batches) < len(passes):
        return False
    for one, image in zip(passes, batches, strict=False):
        x, t, answer, gradient = one.forward.x, one.forward.t, one.forward.answer, one.gradient
        if x is None or t is None or answer is None or gradient is None or t.numel() != len(x):
            return False
        if bool((t < 0).any() or (t >= STEPS).any() or (t != t.round()).any()):
            return False
        alpha_bar = schedule.alpha_bar[t.long()].view(-1, 1, 1, 1)
        target = answer - gradient * answer.numel() / 2
        mix = training.reading.signal(alpha_bar) * image + training.reading.noise(alpha_bar) * target
        if not torch.allclose(mix, x.float(), atol=1e-2):
            return False
    return True
