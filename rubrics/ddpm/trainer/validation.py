"""Expectations on validation in a recorded run of ``train``: the right data, eval mode, nothing trained."""

from __future__ import annotations

import itertools

from grader.checks import Unmet
from grader.probes.training_loop import block_if_stopped

from ..interface.conventions import timesteps_are_unrelated
from .loss_targets import compared_values, loss_targets
from .recording import RecordedTraining, step_pairs


def expect_passive_validation(training: RecordedTraining) -> None:
    """Expect validation in eval mode that records no gradients and updates nothing.

    Raises:
        Unmet: it does not.
        Blocked: ``train`` stopped before validation.
    """
    validating = training.validation_passes
    if not validating:
        block_if_stopped(training)
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
    _expect_same_task(training)
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


def _expect_same_task(training: RecordedTraining) -> None:
    """Expect validation to ask for the noise in x_t if training does; else it is charged there."""
    validating = training.validation_passes
    if set(loss_targets(training)) != {"noise"} or any(map(training.gets_noise, training.training_passes)):
        return
    if all(map(training.gets_noise, validating)):
        raise Unmet(
            "In validation the network gets the noise, not the noisy image.",
            expected="the noisy image that noise_diffusion returned, as in training",
            actual="the noise that noise_diffusion returned",
            misconception="validation-differs",
        )
    if all(map(training.gets_clean_image, validating)) and not any(
        map(training.gets_clean_image, training.training_passes)
    ):
        raise Unmet(
            "In validation the network gets the clean image, not the noisy one.",
            expected="the noisy image that noise_diffusion returned, as in training",
            actual="the image before any noise",
            misconception="validation-differs",
        )
    related = not timesteps_are_unrelated(training.timestep_pairs)
    if related and timesteps_are_unrelated(step_pairs(validating)):
        raise Unmet(
            "In validation the timesteps passed to the network differ from those used to noise the images.",
            expected="the step of each image, as in training",
            actual="steps sampled separately, or those of another batch",
            misconception="validation-differs",
        )
    found = compared_values(training, validating)
    for name, words in (("noisy", "the noisy image itself"), ("clean", "the clean image")):
        if found[name] and set(found) == {name}:
            raise Unmet(
                f"In validation the loss compares the prediction with {words}.",
                expected="the noise that noise_diffusion returned, as in training",
                actual=words,
                misconception="validation-differs",
            )


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
