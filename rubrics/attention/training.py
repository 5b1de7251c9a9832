"""Run a student's ``train`` on test doubles, and read from gradients what its loss compares.

The network's logits are random numbers of the judge. For a cross-entropy the gradient that comes back to the
logits z of a position is proportional to softmax(z) − e, where e is the unit vector of the character that the
loss asks for. So every position tells its target, however the code computes the loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.doubles import (
    CriterionDouble,
    LoaderDouble,
    NetworkDouble,
    OptimizerDouble,
    RecordedEvent,
)
from grader.probes.training_loop import block_if_stopped
from grader.sandbox.student import Student
from grader.sandbox.values import Refusal, StudentError

from .interface import MAX_LENGTH_NAMES, VOCAB, call

EPOCHS, BATCHES, BATCH, WINDOW = 2, 4, 3, 9  # a window holds a text and the character after it
_MOST_TOKENS = 20_000  # of one call
_PARALLEL = 0.99  # cosine from which a gradient counts as that of a cross-entropy
_OFFSETS = {
    0: ("target-same-character", "the same character that the network has just read"),
    2: ("target-shifted-twice", "the character after the next one"),
    -1: ("target-previous-character", "the character before the one that it has just read"),
}


@dataclass(frozen=True, slots=True)
class Pass:
    """A forward call of the network on a batch.

    Attributes:
        forward: the call.
        window: the batch, int64 (BATCH, WINDOW); None if none was handed out.
        gradient: of the loss with respect to the logits; None without a backward pass.
        gradient_before: size of the gradient that the weight had before.
        batch: number of batches that were handed out.
    """

    forward: RecordedEvent
    window: Tensor | None = None
    gradient: Tensor | None = None
    gradient_before: float | None = None
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """The length of the recorded run."""

    epochs: int = EPOCHS
    batches: int = BATCHES


@dataclass(slots=True)
class RecordedTraining:
    """A run of ``train`` on test doubles: all events, what came back, and why it did not finish."""

    log: list[RecordedEvent] = field(default_factory=list)
    returned: Any = None
    error: StudentError | None = None

    @property
    def size(self) -> Size:
        """Its length."""
        return Size()

    @property
    def passes(self) -> list[Pass]:
        """All forward calls."""
        gradients = {event.call: event for event in self.log if event.kind == "backward"}
        found, window, batch = [], None, 0
        for event in self.log:
            if event.kind == "batch" and event.image is not None:
                window, batch = event.image.long(), batch + 1
            elif event.kind == "forward":
                back = gradients.get(event.call)
                found.append(
                    Pass(
                        forward=event,
                        window=window,
                        gradient=back.x if back else None,
                        gradient_before=back.gradient_before if back else None,
                        batch=batch,
                    )
                )
        return found

    @property
    def training_passes(self) -> list[Pass]:
        """Forward calls whose gradients are recorded, or all."""
        return [one for one in self.passes if one.forward.grad] or self.passes

    @property
    def validation_passes(self) -> Sequence[Pass]:
        """None: this training has no validation."""
        return ()


def read_tokens(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor, str]:
    """Return the tokens among the arguments of a call of the model.

    Raises:
        Refusal: there are none.
    """
    for value in (*args, *kwargs.values()):
        if isinstance(value, Tensor) and value.ndim == 2 and not value.is_floating_point():
            if not 0 < value.numel() <= _MOST_TOKENS:
                raise Refusal("ValueError", f"the model cannot read {value.numel()} tokens")
            return value, torch.zeros(0), ""
    raise Refusal("TypeError", "the model takes tokens, int64 (B, L)")


def record(student: Student, generator: torch.Generator, *, loss: str | None = None) -> RecordedTraining:
    """Run the student's ``train`` for two short epochs, on a model that returns its loss as theirs does."""
    training = RecordedTraining()

    def respond(x: Tensor, _: Tensor) -> Tensor:
        return torch.randn((*x.shape, VOCAB), generator=generator)

    def windows(_: int) -> tuple[Tensor, Tensor]:
        drawn = torch.stack([torch.randperm(VOCAB, generator=generator)[:WINDOW] for _ in range(BATCH)])
        return drawn, torch.zeros(BATCH)

    network = NetworkDouble(
        training.log,
        respond,
        read_tokens,
        max_inputs=40 * EPOCHS * BATCHES * BATCH,
        passes_for=["CharacterModel"],
        attributes=dict.fromkeys(MAX_LENGTH_NAMES, WINDOW - 1),
        loss=loss,
    )
    arguments = {
        "model": network,
        "batches": LoaderDouble(
            training.log, "training", windows, BATCHES, BATCH, epochs=EPOCHS, labels=False
        ),
        "optimizer": OptimizerDouble(training.log, network, lr=0.01),
        "criterion": CriterionDouble(training.log, "cross_entropy"),
        "num_epochs": EPOCHS,
    }
    try:
        training.returned = call(student, "train", arguments, seed=student.seed, timeout=60.0)
    except StudentError as error:
        training.error = error
    return training


@dataclass(frozen=True, slots=True)
class Targets:
    """What the loss of a run asks for.

    Attributes:
        offsets: number of positions by the distance of their target from the character that was read there;
            None stands for a target that is no character of the text nearby.
        positions: share of positions that count.
        fits: whether the gradients are those of a cross-entropy of the logits.
    """

    offsets: Counter[int | None]
    positions: float
    fits: bool


def read_targets(training: RecordedTraining) -> Targets:
    """Return the targets of all positions of all passes with a gradient."""
    offsets: Counter[int | None] = Counter()
    counted, total, fits = 0, 0, True
    for one in training.training_passes:
        gradient, logits = one.gradient, one.forward.output
        if gradient is None or logits is None or one.window is None or gradient.shape != logits.shape:
            continue
        sizes = gradient.abs().sum(-1)
        counts = sizes > 1e-3 * sizes.max().clamp_min(1e-30)
        expected = logits.double().softmax(-1)
        target = (gradient.double() / expected).argmin(-1)  # only the target's own entry is negative
        due = expected - torch.nn.functional.one_hot(target, VOCAB)
        fits &= bool((torch.cosine_similarity(due, gradient.double(), -1)[counts] > _PARALLEL).all())
        counted, total = counted + int(counts.sum()), total + one.window.shape[0] * (WINDOW - 1)
        assert one.forward.x is not None
        for row, column in counts.nonzero().tolist():
            read = int(one.forward.x.long()[row, column])
            text = one.window[row].tolist() if row < len(one.window) else []
            offsets[_offset(text, read, int(target[row, column]))] += 1
    return Targets(offsets, counted / max(total, 1), fits)


def expect_next_character(training: RecordedTraining) -> None:
    """Expect the loss to ask at every position for the character after the one that was read."""
    if not training.training_passes:
        block_if_stopped(training)
        raise Unmet("Your train never calls the model.", misconception="network-not-called")
    if not any(one.gradient is not None for one in training.training_passes):
        return  # train.step reports it, and without gradients the loss cannot be read
    found = read_targets(training)
    (usual, times), *_ = found.offsets.most_common(1) or [(None, 0)]
    if times > 0.9 * sum(found.offsets.values()):
        _expect_offset(usual, found)
        return
    raise Unmet(
        "Your loss compares the predictions with characters of other positions or other texts.",
        expected="at every position, the character after it",
        actual="targets out of order",
        misconception="targets-scrambled",
    )


def _expect_offset(usual: int | None, found: Targets) -> None:
    if usual in _OFFSETS:
        id, words = _OFFSETS[usual]
        raise Unmet(
            f"Your loss asks for {words}.",
            expected="the next character",
            actual=words,
            misconception=id,
        )
    if usual != 1:
        raise Unmet("Your loss does not ask for the next character.", misconception="targets-scrambled")
    if found.positions < 0.7:
        raise Unmet(
            f"Only {found.positions:.0%} of the positions count in your loss.",
            expected="a prediction at every position counts",
            actual=f"{found.positions:.0%} of the positions",
            misconception="positions-left-out",
        )
    if not found.fits:
        raise Unmet(
            "The gradient of your loss is not that of the cross-entropy of the logits.",
            expected="softmax(logits) minus the target, at every position",
            misconception="softmax-before-loss",
        )


def _offset(text: list[int], read: int, target: int) -> int | None:
    """Return how far behind a character another one stands in a text; None if it is not there."""
    return text.index(target) - text.index(read) if read in text and target in text else None
