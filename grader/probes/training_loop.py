"""Expectations on a recorded run of a training loop: a step per batch, and gradients that are cleared.

The run is recorded by test doubles (``grader.probes.doubles``). Which passes belong to training and to
validation only a rubric knows, so it hands in the recording grouped into passes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from grader.checks import Blocked, Unmet
from grader.probes.doubles import RecordedEvent
from grader.sandbox.values import StudentError


class RunLength(Protocol):
    """Length of a run."""

    @property
    def epochs(self) -> int:
        """Epochs that it was given."""

    @property
    def batches(self) -> int:
        """Batches of an epoch."""


class RecordedPass(Protocol):
    """A forward call of the network, with the gradient that came back to it."""

    @property
    def forward(self) -> RecordedEvent:
        """The call."""

    @property
    def gradient(self) -> Tensor | None:
        """Gradient of the loss with respect to the output; None without a backward pass."""

    @property
    def gradient_before(self) -> float | None:
        """Size of the gradient that the network's weight had before a backward pass that adds to it."""

    @property
    def batch(self) -> int:
        """Number of batches that the loaders had handed out."""


class RecordedRun(Protocol):
    """A run of a training loop on test doubles."""

    @property
    def size(self) -> RunLength:
        """Its length."""

    @property
    def log(self) -> Sequence[RecordedEvent]:
        """All events, in order."""

    @property
    def error(self) -> StudentError | None:
        """Why it did not finish."""

    @property
    def passes(self) -> Sequence[RecordedPass]:
        """All forward calls of the network."""

    @property
    def training_passes(self) -> Sequence[RecordedPass]:
        """Forward passes on training batches."""

    @property
    def validation_passes(self) -> Sequence[RecordedPass]:
        """Forward passes on validation batches."""


def expect_step_per_batch(training: RecordedRun) -> None:
    """Expect one backward pass and one optimizer step per batch; gradient accumulation is accepted.

    Raises:
        Unmet: with one of the misconceptions ``network-not-called``, ``prediction-detached``,
            ``no-backward``, ``batches-left-out``, ``epochs-too-many``, ``train-does-not-return``,
            ``no-step``, ``gradients-cleared-before-step``, ``steps-too-few``, ``learning-rate-zero``,
            ``learning-rate-vanishes``.
        Blocked: the run stopped before.
    """
    length = training.size
    passes = training.training_passes
    if not passes:
        block_if_stopped(training)
        raise Unmet("Your train never calls the network.", misconception="network-not-called")
    backward = sum(one.gradient is not None for one in passes)
    if not backward:
        reason = f" ({training.error})" if training.error else ""
        raise Unmet(
            f"No gradient ever reaches the network{reason}.",
            expected="a backward pass per batch",
            actual="none",
            misconception="prediction-detached" if prediction_is_detached(training) else "no-backward",
        )
    promised = length.epochs * length.batches
    if len(passes) < promised and training.error is None:
        raise Unmet(
            f"Your train uses {len(passes)} batches; {length.epochs} epochs of the loader have {promised}.",
            expected=f"{promised} batches",
            actual=f"{len(passes)} batches",
            misconception="batches-left-out",
        )
    if len(passes) == promised + length.batches and training.error is None:
        raise Unmet(
            f"Your train uses {len(passes)} batches; {length.epochs} epochs of the loader have {promised}.",
            expected=f"{promised} batches",
            actual=f"{len(passes)} batches",
            misconception="epochs-too-many",
        )
    if not comes_back(training):
        raise Unmet(
            f"Your train does not come back after its {length.epochs} epochs: {training.error}.",
            expected=f"an end after {length.epochs} epochs",
            actual=f"{training.error}",
            misconception="train-does-not-return",
        )
    # Every forward call reports the double's one weight, so a step shows in the next call. A step after the
    # last batch shows only if a validation pass follows.
    weights = [one.forward.weight for one in training.passes]
    steps = sum(a != b for a, b in itertools.pairwise(weights))
    unseen = 0 if training.validation_passes else 1
    if (
        steps + unseen >= len(passes)
        or accumulates_gradients(training)
        or (steps + unseen >= promised and passes_parts_of_batches(training))
    ):
        _expect_learning_rate(training)
        return
    if len(passes) < 2:
        block_if_stopped(training)
    if steps == 0 and any(event.kind == "step" for event in training.log):
        cleared = clears_before_step(training)
        reason = "" if cleared else ": its gradients are missing or zero"
        raise Unmet(
            f"The network's weights never change, although the optimizer steps{reason}.",
            expected=f"{len(passes)} changes",
            actual="none",
            misconception="gradients-cleared-before-step" if cleared else None,
        )
    if steps == 0:
        raise Unmet(
            "The network's weights never change: gradients are computed, but the optimizer makes no step.",
            expected=f"{len(passes)} steps",
            actual="0 steps",
            misconception="no-step",
        )
    unused = (
        " The gradients of the other batches are cleared unused." if throws_gradients_away(training) else ""
    )
    raise Unmet(
        f"The network's weights change only {steps} times in {len(passes)} batches.{unused}",
        expected="a step per batch",
        actual=f"{steps} steps in {len(passes)} batches",
        misconception="steps-too-few",
    )


def _expect_learning_rate(training: RecordedRun) -> None:
    """Expect no epoch without a learning rate, nor a rate that vanishes; a warm-up may begin with zero.

    A cosine that ends at zero has no step below a ten-thousandth of its largest rate here; a schedule that
    is meant for epochs and advanced in every batch has most of them there.
    """
    length = training.size
    rates = [event.rate for event in training.log if event.kind == "step" and event.rate is not None]
    count = len(rates) // length.epochs
    starts = range(0, length.epochs * count, count) if count > 1 else ()
    epochs = [rates[start : start + count] for start in starts]
    if still := sum(not any(epoch) for epoch in epochs):
        raise Unmet(
            f"In {still} of {length.epochs} epochs the learning rate is 0, so the network does not change.",
            expected="a learning rate above 0",
            actual=f"0 at {sum(rate == 0 for rate in rates)} of {len(rates)} steps",
            misconception="learning-rate-zero",
        )
    vanished = [rate for rate in rates if rate < 1e-4 * max(rates)]
    if len(vanished) > len(rates) / 2:
        raise Unmet(
            f"The learning rate falls from {max(rates):.2g} to {rates[-1]:.2g} within {len(rates)} batches.",
            expected="a learning rate that lasts for the training",
            actual=f"less than a ten-thousandth of the largest rate at {len(vanished)} of {len(rates)} steps",
            misconception="learning-rate-vanishes",
        )


def expect_cleared_gradients(training: RecordedRun) -> None:
    """Expect the gradients of earlier batches to be gone before each backward pass.

    Raises:
        Unmet: they are not, with the misconception ``no-zero-grad``.
        Blocked: no gradients were computed.
    """
    passes = [one for one in training.training_passes if one.gradient is not None]
    if len(passes) < 2:
        block_if_stopped(training)
        clearings = sum(event.kind == "zero_grad" for event in training.log)
        if clearings >= len(training.training_passes) > 0:
            return  # missing gradients lost their points elsewhere; these would have been cleared
        raise Blocked("No gradients were computed, so none could be left over.")
    # With gradient accumulation, only the first backward pass after a step must find no gradients.
    fresh = first_passes_after_steps(training)
    fresh = fresh if len(fresh) > 1 else list(range(len(passes)))
    left_over = sum(number in fresh and bool(one.gradient_before) for number, one in enumerate(passes))
    if left_over := left_over or steps_with_old_gradients(training):
        raise Unmet(
            f"In {left_over} of {len(passes)} batches the gradients of earlier batches "
            f"were still there, and the new ones were added to them.",
            expected="gradients of this batch alone",
            actual="gradients summed over batches",
            misconception="no-zero-grad",
        )


def accumulates_gradients(training: RecordedRun) -> bool:
    """Return whether the optimizer steps after every k-th batch, k > 1: gradient accumulation, which is fine.

    One step at the end of each epoch does not count; there the step is outside the loop by mistake. Neither
    does a step after every k-th batch if the gradients of the others are cleared.
    """
    length = training.size
    passes = training.training_passes
    places = [
        number % length.batches for number in first_passes_after_steps(training) if number
    ]  # within the epoch
    inside = [place for place in places if place]
    if not inside or len(passes) != length.epochs * length.batches:
        return False
    if throws_gradients_away(training):
        return False
    every = min(inside)
    return every > 1 and all(place % every == 0 for place in inside)


def passes_parts_of_batches(training: RecordedRun) -> bool:
    """Return whether each batch goes through the network in parts, whose gradients are summed."""
    batches, length = [one.batch for one in training.training_passes], training.size
    in_parts = length.epochs * length.batches == len(set(batches)) < len(batches)
    return in_parts and not throws_gradients_away(training)


def throws_gradients_away(training: RecordedRun) -> bool:
    """Return whether gradients that no step has used are cleared before the next backward pass."""
    after_step = set(first_passes_after_steps(training))
    unused = [one for number, one in enumerate(training.training_passes) if number not in after_step]
    return any(one.gradient is not None and not one.gradient_before for one in unused)


def first_passes_after_steps(training: RecordedRun) -> list[int]:
    """Return the indices of the training passes with new weights: 0, and each first one after a step."""
    weights = [one.forward.weight for one in training.training_passes]
    return [0, *(number for number in range(1, len(weights)) if weights[number] != weights[number - 1])]


def steps_with_old_gradients(training: RecordedRun) -> int:
    """Return how many steps use gradients of batches before the last step, too.

    Every backward pass gives the double's weight a gradient of 1, so that it counts them, also where the code
    adds up what ``torch.autograd.grad`` returns. A step without a backward pass since the last one is a
    step too many, which is no matter of what is cleared.
    """
    found = passes = 0
    for event in training.log:
        passes += event.kind == "backward"
        if event.kind == "step":
            found += event.gradient is not None and event.gradient > passes + 0.5 and passes > 0
            passes = 0
    return found


def prediction_is_detached(training: RecordedRun) -> bool:
    """Return whether a backward pass started at the loss; called if no gradient reached the network."""
    started = any(event.kind == "sent back" for event in training.log)
    refused = training.error is not None and "does not require grad" in str(training.error)
    return started or refused


def clears_before_step(training: RecordedRun) -> bool:
    """Return whether gradients are cleared between a backward pass and the step that should use them."""
    order = [event.kind for event in training.log if event.kind in ("backward", "zero_grad", "step")]
    return "backward zero_grad step" in " ".join(order)


def block_if_stopped(training: RecordedRun) -> None:
    """Block an expectation for which a run that stopped early has no evidence, always in the same words."""
    if training.error:
        raise Blocked(f"Your train stopped before this could be seen: {training.error}")


def comes_back(training: RecordedRun) -> bool:
    """Return whether ``train`` ends by itself: by returning, or by an error."""
    return training.error is None or training.error.type not in ("Endless", "SystemExit", "Timeout")
