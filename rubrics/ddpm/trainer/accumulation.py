"""When the optimiser steps in a run of ``train`` on stand-ins: after every batch or several."""

from __future__ import annotations

from .probe import BATCHES, EPOCHS, RecordedTraining


def accumulates(training: RecordedTraining) -> bool:
    """Whether the optimiser steps after every k-th batch, k > 1, with the gradients of all k: a right style.

    Once per epoch, at its end, is none: there the step stands outside the loop.
    """
    passes = training.training_passes
    places = [number % BATCHES for number in after_steps(training) if number]  # batches of the epoch so far
    inside = [place for place in places if place]
    if not inside or len(passes) != EPOCHS * BATCHES:
        return False
    every = min(inside)
    return every > 1 and all(place % every == 0 for place in inside)


def after_steps(training: RecordedTraining) -> list[int]:
    """The numbers of the training passes that are the first, or the first after a step."""
    weights = [one.forward.weight for one in training.training_passes]
    return [0, *(number for number in range(1, len(weights)) if weights[number] != weights[number - 1])]


def is_detached(training: RecordedTraining) -> bool:
    """Whether a loss was sent back, while no gradient came to the network."""
    sent_back = any(event.kind == "sent back" for event in training.log)
    refused = training.error is not None and "does not require grad" in str(training.error)
    return sent_back or refused


def clears_before_step(training: RecordedTraining) -> bool:
    """Whether gradients are cleared between a backward pass and the step that should use them."""
    order = [event.kind for event in training.log if event.kind in ("backward", "zero_grad", "step")]
    return "backward zero_grad step" in " ".join(order)
