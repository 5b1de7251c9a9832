"""Expectations on validation in a recorded run of ``train``: eval mode, no gradients, no updates."""

from __future__ import annotations

import itertools

from grader.checks import Unmet

from .prerequisites import block_if_stopped
from .recording import RecordedTraining


def expect_passive_validation(training: RecordedTraining) -> None:
    """Expect validation in eval mode that records no gradients and updates nothing.

    Raises:
        Unmet: it does not.
        Blocked: ``train`` stopped before validation.
    """
    validating = training.validation_passes
    if not validating:
        block_if_stopped(training, "validation")
        raise Unmet("Your train never validates on the validation batches.", misconception="no-validation")
    if any(one.gradient is not None for one in validating) or _steps_in_validation(training):
        raise Unmet(
            "The network is trained on the validation batches.",
            expected="a validation that changes nothing",
            actual="gradients or steps in validation",
            misconception="trains-in-validation",
        )
    if all(training.is_training_image(one) for one in validating):
        raise Unmet(
            "Your validation evaluates images of the training batches, not those of the validation batches.",
            expected="the images of the validation batches",
            actual="images of a training batch",
            misconception="validates-on-training",
        )
    in_eval = not any(one.forward.training for one in validating)
    no_grad = not any(one.forward.grad for one in validating)
    if not in_eval and not no_grad:
        raise Unmet(
            "Validation runs in training mode and records gradients.", misconception="no-eval-no-no-grad"
        )
    if not in_eval:
        raise Unmet("Validation runs in training mode, not in eval mode.", misconception="no-eval-mode")
    if not no_grad:
        raise Unmet("Validation records gradients.", misconception="no-no-grad")
    if any(not one.forward.training for one in training.training_passes):
        before = itertools.takewhile(lambda one: not one.validating, training.passes)
        from_start = any(not one.forward.training for one in before)
        when = "From the first epoch on" if from_start else "After the first validation"
        raise Unmet(f"{when}, the network is trained in eval mode.", misconception="stays-in-eval")


def _steps_in_validation(training: RecordedTraining) -> bool:
    """Return whether the optimizer steps between the first and the last validation batch of an epoch."""
    loader, since = "", 0
    for event in training.log:
        if event.kind in ("epoch", "batch"):
            if event.name == "validation" and loader == "validation" and since:
                return True
            loader, since = event.name, 0
        since += event.kind == "step"
    return False
