"""When the optimizer steps in a recorded run: after every batch, after several, or never."""

from __future__ import annotations

from .recording import RecordedTraining


def accumulates_gradients(training: RecordedTraining) -> bool:
    """Return whether the optimizer steps after every k-th batch, k > 1: gradient accumulation, which is fine.

    One step at the end of each epoch does not count; there the step is outside the loop by mistake. Neither
    does a step after every k-th batch if the gradients of the others are cleared.
    """
    passes, size = training.training_passes, training.size
    first = first_passes_after_steps(training)
    places = [number % size.batches for number in first if number]  # within the epoch
    inside = [place for place in places if place]
    if not inside or len(passes) != size.epochs * size.batches:
        return False
    if throws_gradients_away(training):
        return False
    every = min(inside)
    return every > 1 and all(place % every == 0 for place in inside)


def throws_gradients_away(training: RecordedTraining) -> bool:
    """Return whether gradients that no step has used are cleared before the next backward pass."""
    after_step = set(first_passes_after_steps(training))
    unused = [one for number, one in enumerate(training.training_passes) if number not in after_step]
    return any(one.gradient is not None and not one.gradient_before for one in unused)


def first_passes_after_steps(training: RecordedTraining) -> list[int]:
    """Return the indices of the training passes with new weights: 0, and each first one after a step."""
    weights = [one.forward.weight for one in training.training_passes]
    return [0, *(number for number in range(1, len(weights)) if weights[number] != weights[number - 1])]


def prediction_is_detached(training: RecordedTraining) -> bool:
    """Return whether a backward pass started at the loss; called if no gradient reached the network."""
    started = any(event.kind == "sent back" for event in training.log)
    refused = training.error is not None and "does not require grad" in str(training.error)
    return started or refused


def clears_before_step(training: RecordedTraining) -> bool:
    """Return whether gradients are cleared between a backward pass and the step that should use them."""
    order = [event.kind for event in training.log if event.kind in ("backward", "zero_grad", "step")]
    return "backward zero_grad step" in " ".join(order)
