"""A recorded run of a student's ``train``: its events, grouped into forward passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.probes.doubles import RecordedEvent
from grader.sandbox.values import StudentError
from reference.readings import Reading

from ..interface.conventions import (
    HANDOUT_LAYOUT,
    ReturnLayout,
    StepNumbering,
    TimestepEncoding,
    infer_encoding,
)
from .setup import ANNOUNCED, RunSize


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """One forward call of the network, with the events that belong to it.

    Attributes:
        forward: the call.
        validating: whether the last batch came from the validation loader.
        batch: number of batches that the loaders had handed out.
        image: x_0, (B, 1, 28, 28); None if unknown.
        noise: the training target, shaped like ``image``; None if unknown.
        t: timesteps passed to the diffuser, float (B,); None if it was not called.
        form: form of these timesteps.
        gradient: gradient of the loss with respect to the network's output; None without a backward pass.
        gradient_before: size of the gradient that the weight had before this backward pass; None also if the
            pass adds nothing to it.
    """

    forward: RecordedEvent
    validating: bool
    batch: int = 0
    image: Tensor | None = None
    noise: Tensor | None = None
    t: Tensor | None = None
    form: str = ""
    gradient: Tensor | None = None
    gradient_before: float | None = None


@dataclass(slots=True, kw_only=True)
class RecordedTraining:
    """A run of ``train`` on test doubles.

    Attributes:
        reading: formulation that the double of the diffuser followed.
        numbering: how the double counted the timesteps.
        layout: layout of the double's results.
        labels: whether batches came with labels.
        size: numbers of epochs, batches, images and steps.
        conflicting_layout: layout of the student's own diffuser if ``train`` does not work with it.
        free_variables: notebook variables that ``train`` reads, with their places, as text.
        stale_variables: notebook variables that were set to an argument for this run, with its name.
        undefined: names that nothing in the notebook defines.
        custom_encoding: encoding of the timestep for the network if it is none of the usual ones.
        log: all events, in order.
        drawn_again: timesteps of further runs, made if the first has none at an end of the schedule.
        returned: what ``train`` returned.
        unwrapped: the same, with objects replaced by the lists in their attributes.
        error: why ``train`` did not finish.
    """

    reading: Reading
    numbering: StepNumbering = field(default_factory=StepNumbering)
    layout: ReturnLayout = HANDOUT_LAYOUT
    labels: bool = True
    size: RunSize = ANNOUNCED
    conflicting_layout: ReturnLayout | None = None
    free_variables: str = ""
    stale_variables: Mapping[str, str] = field(default_factory=dict)
    undefined: frozenset[str] = frozenset()
    custom_encoding: TimestepEncoding | None = None
    log: list[RecordedEvent] = field(default_factory=list)
    drawn_again: list[Tensor] = field(default_factory=list)
    returned: Any = None
    unwrapped: Any = None
    error: StudentError | None = None
    _cached: tuple[int, list[ForwardPass]] | None = None  # passes, and the number of events they came from

    @property
    def passes(self) -> list[ForwardPass]:
        """All forward calls of the network."""
        if self._cached is None or self._cached[0] != len(self.log):
            self._cached = len(self.log), self._group_events()
        return self._cached[1]

    def _group_events(self) -> list[ForwardPass]:
        gradients = {e.call: e for e in self.log if e.kind == "backward"}
        found: list[ForwardPass] = []
        loader, batch, diffusions = "", 0, list[RecordedEvent]()
        for event in self.log:
            if event.kind in ("epoch", "batch"):
                loader = event.name
                batch += event.kind == "batch"
            elif event.kind == "diffuse":
                diffusions.append(event)
            elif event.kind == "forward":
                source = _source(event, diffusions)
                back = gradients.get(event.call)
                found.append(
                    ForwardPass(
                        forward=event,
                        validating=loader == "validation",
                        batch=batch,
                        image=source.image if source else None,
                        noise=source.target if source else None,
                        t=source.t if source else None,
                        form=source.form if source else "",
                        gradient=back.x if back else None,
                        gradient_before=back.gradient_before if back else None,
                    )
                )
        return found

    @property
    def training_passes(self) -> list[ForwardPass]:
        """Forward passes on training batches.

        If some record gradients, only those count: a ``train`` that validates on the wrong loader has
        passes without gradients on training batches, too.
        """
        passes = _on_batches([p for p in self.passes if not p.validating])
        return [p for p in passes if p.forward.grad] or passes

    @property
    def validation_passes(self) -> list[ForwardPass]:
        """Forward passes on validation batches."""
        return _on_batches([p for p in self.passes if p.validating])

    def gets_clean_image(self, one: ForwardPass) -> bool:
        """Return whether the network's input is an unchanged image of a loader."""
        images = [e.image for e in self.log if e.kind == "batch" and e.image is not None]
        x = one.forward.x
        return x is not None and any(image.shape == x.shape and torch.equal(image, x) for image in images)

    def gets_noise(self, one: ForwardPass) -> bool:
        """Return whether the network's input is the noise that the diffuser returned, not its x_t."""
        noises = [e.target for e in self.log if e.kind == "diffuse" and e.target is not None]
        x = one.forward.x
        return x is not None and any(noise.shape == x.shape and torch.equal(noise, x) for noise in noises)

    def is_training_image(self, one: ForwardPass) -> bool:
        """Return whether the image that was noised for a pass is a batch of the training loader."""
        images = [
            e.image for e in self.log if e.kind == "batch" and e.name == "training" and e.image is not None
        ]
        x = one.image
        return x is not None and any(image.shape == x.shape and torch.equal(image, x) for image in images)

    @property
    def timestep_pairs(self) -> list[tuple[Tensor, Tensor, str]]:
        """Per batch: timesteps passed to the diffuser, numbers passed to the network, form of the latter."""
        return step_pairs(self.training_passes)

    @property
    def usual_encoding(self) -> TimestepEncoding | None:
        """Encoding of the timestep for the network if it is one of the usual ones."""
        return infer_encoding(self.timestep_pairs, self.numbering.first, self.size.steps)

    @property
    def encoding(self) -> TimestepEncoding:
        """Encoding of the timestep for the network."""
        return (
            self.custom_encoding
            or self.usual_encoding
            or TimestepEncoding(self.numbering.first, form=self.timestep_pairs[0][2])
        )

    def convention(self) -> str:
        """Describe how ``train`` uses its arguments."""
        forms = sorted({one.form for one in self.training_passes if one.form})
        encoding = self.encoding
        parts = [f"passes t to noise_diffusion as {' or '.join(forms)}"] if forms else []
        parts += [f"passes {encoding.scale} to the network as {encoding.form}"] if encoding.form else []
        parts += [] if self.labels else ["takes batches without labels"]
        parts += [f"returns {_kind(self.returned)}"] if self.error is None else [f"stops: {self.error}"]
        return "; ".join(parts)


def step_pairs(passes: Sequence[ForwardPass]) -> list[tuple[Tensor, Tensor, str]]:
    """Return timesteps passed to the diffuser, numbers passed to the network, and their form, by pass."""
    return [
        (one.t, one.forward.t, one.forward.form)
        for one in passes
        if one.t is not None and one.forward.t is not None
    ]


def _source(forward: RecordedEvent, diffusions: list[RecordedEvent]) -> RecordedEvent | None:
    """Return the diffusion whose x_t the network got, by comparing pixels; None if there is none."""
    for event in reversed(diffusions[-4:]):
        if forward.x is None or event.x is None or event.x.shape != forward.x.shape:
            continue
        if torch.allclose(event.x, forward.x.float(), atol=1e-5):
            return event
    return None


def _on_batches(passes: list[ForwardPass]) -> list[ForwardPass]:
    """Drop passes that are not on a batch, such as those of samples generated after an epoch."""
    known = [p for p in passes if p.noise is not None]
    return known or passes  # no pass has known noise if train mixes image and noise itself


def _kind(returned: Any) -> str:
    if isinstance(returned, tuple | list) and len(returned) < 9:
        inside = ", ".join(type(item).__name__ for item in returned)
        return f"a {type(returned).__name__} ({inside})"
    return "nothing" if returned is None else f"a {type(returned).__name__}"
