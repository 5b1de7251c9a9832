"""What a run of ``train`` on stand-ins must show, one expectation for each criterion."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet

from ..interface.conventions import timesteps_are_unrelated
from .accumulation import accumulates, after_steps, clears_before_step, is_detached
from .loss_targets import own_noise, targets
from .probe import ARGUMENTS, BATCH, BATCHES, EPOCHS, STEPS, RecordedTraining

_WORDS = {
    "clean": ("target-clean-image", "the clean image"),
    "noisy": ("target-noisy-image", "the noisy image itself"),
    "fresh": ("target-fresh-noise", "noise that is not the noise in the image"),
    "other": ("target-wrong", "something that is not the noise in the image"),
}


def trains_rightly(training: RecordedTraining, but_stale: bool = False) -> bool:
    """Whether a network can be trained with this ``train`` as it should be: right loss, steps, gradients and
    t. ``but_stale`` overlooks that it reads the notebook's variables for its arguments.
    """
    if but_stale:
        training = replace(training, stale={})
    try:
        for expect in (
            expect_loss_on_noise,
            expect_a_step_per_batch,
            expect_cleared_gradients,
            expect_random_steps,
        ):
            expect(training)
    except (Unmet, Blocked):
        return False
    return training.error is None


def unless_it_stopped(training: RecordedTraining, what: str) -> None:
    """Block a question for which a run that stopped early left no evidence."""
    if training.error:
        raise Blocked(f"train stopped before {what}: {training.error}")


def expect_loss_on_noise(training: RecordedTraining) -> None:
    """The loss compares the predicted noise with the noise that is in the image."""
    if training.at_odds:
        raise Unmet(
            "train takes the noisy image and the noise, in this order, but your noise_diffusion "
            f"{training.at_odds}.",
            expected="results taken as noise_diffusion gives them",
            misconception="results-exchanged",
        )
    if training.training_passes and all(map(training.sees_clean_image, training.training_passes)):
        raise Unmet(
            "The network is shown the clean image, not the noisy one.",
            expected="the noisy image that noise_diffusion returned",
            actual="the image before any noise",
            misconception="network-sees-clean-image",
        )
    found = targets(training)
    if not found:
        unless_it_stopped(training, "a prediction was compared with anything")
        raise Unmet("No loss was computed from the network's prediction.", misconception="no-loss")
    if set(found) == {"noise"} or own_noise(training):
        return
    gradients = [one.gradient for one in training.training_passes if one.gradient is not None]
    if gradients and not any(gradient.any() for gradient in gradients):
        raise Unmet(
            "The loss does not change with the prediction.",
            expected="the noise that noise_diffusion returned, compared with the network's prediction",
            actual="a gradient of zero",
            misconception="prediction-not-compared",
        )
    wrong = next(name for name, _ in found.most_common() if name != "noise")
    id, words = _WORDS[wrong]
    raise Unmet(
        f"The loss compares the prediction with {words}.",
        expected="the noise that noise_diffusion returned",
        actual=words,
        misconception=id,
    )


def expect_a_step_per_batch(training: RecordedTraining) -> None:
    """The loss is sent back through the network, and the optimiser steps, once per batch."""
    passes = training.training_passes
    _expect_own_argument(training, [name for name in ARGUMENTS if name != "totalTrainingTimesteps"])
    if not passes:
        unless_it_stopped(training, "the network was asked")
        raise Unmet("The network was never asked during training.", misconception="network-not-called")
    backward = sum(one.gradient is not None for one in passes)
    if not backward:
        reason = f" ({training.error})" if training.error else ""
        raise Unmet(
            f"No gradient ever reached the network{reason}.",
            expected="a backward pass per batch",
            actual="none",
            misconception="prediction-detached" if is_detached(training) else "no-backward",
        )
    promised = EPOCHS * BATCHES
    if len(passes) < promised and training.error is None:
        raise Unmet(
            f"The network is trained on {len(passes)} batches; "
            f"{EPOCHS} epochs of the loader have {promised}.",
            expected=f"{promised} batches",
            actual=f"{len(passes)} batches",
            misconception="batches-left-out",
        )
    weights = [one.forward.weight for one in training.passes]
    steps = sum(a != b for a, b in itertools.pairwise(weights))
    last_is_seen = 0 if training.validation_passes else 1  # nothing after the last batch shows its step
    if steps + last_is_seen >= len(passes) or accumulates(training):
        return
    if len(passes) < 2:
        unless_it_stopped(training, "a second batch was trained on")
    if steps == 0 and any(event.kind == "step" for event in training.log):
        cleared = clears_before_step(training)
        by = "" if cleared else ", by gradients that are missing or zero"
        raise Unmet(
            f"The network's weights never change, though the optimiser steps{by}.",
            expected=f"{len(passes)} changes",
            actual="none",
            misconception="gradients-cleared-before-step" if cleared else None,
        )
    if steps == 0:
        raise Unmet(
            "The network's weights never change: gradients are computed, but the optimiser does not step.",
            expected=f"{len(passes)} steps",
            actual="0 steps",
            misconception="no-step",
        )
    raise Unmet(
        f"The network's weights change only {steps} times in {len(passes)} batches.",
        expected="a step per batch",
        actual=f"{steps} steps in {len(passes)} batches",
        misconception="steps-too-few",
    )


def _expect_own_argument(training: RecordedTraining, arguments: Sequence[str]) -> None:
    for variable, argument in training.stale.items():
        if argument in arguments:
            raise Unmet(
                f"train reads the notebook's variable {variable} where it is given {argument}: "
                f"{training.outside}.",
                expected=f"{argument}, the argument",
                actual=f"{variable}, a variable of the notebook",
                misconception="stale-global",
            )


def expect_cleared_gradients(training: RecordedTraining) -> None:
    """Before each backward pass the gradients of the batch before are gone."""
    passes = [one for one in training.training_passes if one.gradient is not None]
    if len(passes) < 2:
        unless_it_stopped(training, "a second batch was trained on")
        clearings = sum(event.kind == "zero_grad" for event in training.log)
        if clearings >= len(training.training_passes) > 0:
            return  # that no gradients came was charged elsewhere; they would have been cleared
        raise Blocked("No gradients ever came, so none could be left over.")
    fresh = after_steps(training)
    fresh = fresh if len(fresh) > 1 else list(range(len(passes)))
    left_over = [one for number, one in enumerate(passes) if number in fresh and one.gradient_before]
    if left_over:
        raise Unmet(
            f"In {len(left_over)} of {len(passes)} batches the gradients of earlier batches "
            f"were still there, and the new ones were added to them.",
            expected="gradients of this batch alone",
            actual="gradients summed over batches",
            misconception="no-zero-grad",
        )


def expect_random_steps(training: RecordedTraining) -> str:
    """Every image of every batch is trained at a step drawn anew from all T. Returns what was found, in
    words.
    """
    batches = [t for one in training.training_passes if (t := _steps_of(one.t, one.forward.t)) is not None]
    if len(batches) < 2:
        unless_it_stopped(training, "a second batch was trained on")
        raise Blocked("The network was never asked at a step.")
    every = torch.cat(batches)
    first = training.numbering.first
    low, high = every.min().item(), every.max().item()
    actual = f"steps from {low:g} to {high:g} in {len(every)} images"
    last = STEPS - 1 + first
    expected = f"steps from {first} to {last}, each image its own, other ones in every batch"
    _expect_own_argument(training, ("totalTrainingTimesteps",))
    if len(batches) > 2 and all(torch.equal(batch, batches[0]) for batch in batches) and low < high:
        which = f": train reads {training.outside}" if training.outside else ""
        raise Unmet(
            f"Every batch is trained at the same steps: they are drawn once, not anew{which}.",
            expected=expected,
            actual="the same steps in every batch",
            misconception="t-frozen",
        )
    if low < first or high > last:
        raise Unmet(
            f"Steps are drawn that do not exist: with T = {STEPS} they run from {first} to {last}"
            + (f"; train reads {training.outside}." if training.outside else "."),
            expected=expected,
            actual=actual,
            misconception="t-beyond-range",
        )
    if low == high:
        raise Unmet(
            f"Every image is trained at the same step, {low:g}.",
            expected=expected,
            misconception="t-constant",
        )
    if all(batch.min() == batch.max() for batch in batches):
        raise Unmet(
            "All images of a batch are trained at the same step.",
            expected=expected,
            actual="one step per batch",
            misconception="one-t-per-batch",
        )
    if timesteps_are_unrelated(training.told):
        raise Unmet(
            "The network is told other steps than those at which the images were noised.",
            expected="the step of each image",
            actual="steps drawn anew",
            misconception="told-other-steps",
        )
    # 192 draws from 40 steps have a mean of 0.5 ± 0.021 of the range, and miss either quarter once in 10^23.
    share = ((every - first) / (STEPS - 1)).mean().item()
    if not 0.35 < share < 0.65 or low > 0.25 * STEPS or high < 0.75 * STEPS:
        raise Unmet(
            "The steps are not spread evenly over the schedule.",
            expected=expected,
            actual=actual,
            misconception="t-not-uniform",
        )
    return actual


def _steps_of(diffused: Tensor | None, asked: Tensor | None) -> Tensor | None:
    """The steps of one batch, one per image: as the diffuser was given them, else as the network was."""
    steps = diffused if diffused is not None else asked
    if steps is None:
        return None
    return steps.expand(BATCH) if steps.numel() == 1 else steps


def expect_validation_only_looks(training: RecordedTraining) -> None:
    """In validation the network is in eval mode, no gradients are recorded, and nothing is updated."""
    validating = training.validation_passes
    if not validating:
        unless_it_stopped(training, "validation")
        raise Unmet("The validation batches are never shown to the network.", misconception="no-validation")
    if any(one.gradient is not None for one in validating) or _steps_in_validation(training):
        raise Unmet(
            "The network is trained on the validation batches.",
            expected="validation changes nothing",
            actual="gradients or steps in validation",
            misconception="trains-in-validation",
        )
    in_eval = not any(one.forward.training for one in validating)
    no_grad = not any(one.forward.grad for one in validating)
    if not in_eval and not no_grad:
        raise Unmet(
            "Validation runs in training mode and records gradients.", misconception="no-eval-no-no-grad"
        )
    if not in_eval:
        raise Unmet("The network is not put into eval mode for validation.", misconception="no-eval-mode")
    if not no_grad:
        raise Unmet("Gradients are recorded during validation.", misconception="no-no-grad")
    if any(not one.forward.training for one in training.training_passes):
        before = itertools.takewhile(lambda one: not one.validating, training.passes)
        at_once = any(not one.forward.training for one in before)
        when = "Already in the first epoch" if at_once else "After validation"
        raise Unmet(f"{when} the network is trained in eval mode.", misconception="stays-in-eval")


def _steps_in_validation(training: RecordedTraining) -> bool:
    """Whether the optimiser steps between the first and the last validation batch of an epoch."""
    loader, since = "", 0
    for event in training.log:
        if event.kind in ("epoch", "batch"):
            if event.name == "validation" and loader == "validation" and since:
                return True
            loader, since = event.name, 0
        since += event.kind == "step"
    return False
