"""Expectations on a recorded run of ``train``: loss target, optimizer steps, gradients.

All functions raise ``Unmet`` if the expectation fails and ``Blocked`` if the run stopped before it could be
judged.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from grader.checks import Blocked, Unmet

from .accumulation import (
    accumulates_gradients,
    clears_before_step,
    first_passes_after_steps,
    prediction_is_detached,
    throws_gradients_away,
)
from .loss_targets import compared_share, loss_targets, mixes_own_noise
from .prerequisites import block_if_stopped, comes_back, expect_arguments_used
from .recording import RecordedTraining
from .setup import ARGUMENTS
from .timesteps import expect_random_timesteps

_WRONG_TARGETS = {
    "clean": ("target-clean-image", "the clean image"),
    "noisy": ("target-noisy-image", "the noisy image itself"),
    "fresh": ("target-fresh-noise", "noise that is not the noise in the image"),
    "other": ("target-wrong", "something that is not the noise in the image"),
}


def trains_correctly(training: RecordedTraining, ignore_stale_variables: bool = False) -> bool:
    """Return whether this ``train`` can train a network: it meets all expectations of this module.

    Args:
        ignore_stale_variables: overlook that it reads notebook variables instead of its arguments.
    """
    if ignore_stale_variables:
        training = replace(training, stale_variables={})
    try:
        for expect in (
            expect_noise_target,
            expect_step_per_batch,
            expect_cleared_gradients,
            expect_random_timesteps,
        ):
            expect(training)
    except (Unmet, Blocked):
        return False
    return training.error is None


def expect_noise_target(training: RecordedTraining) -> None:
    """Expect the loss to compare the predicted noise with the noise in the image."""
    if training.conflicting_layout:
        raise Unmet(
            "Your train takes the noisy image first and the noise second, but your noise_diffusion "
            f"{training.conflicting_layout}.",
            expected="results read in the order in which noise_diffusion returns them",
            misconception="results-exchanged",
        )
    if training.training_passes and all(map(training.gets_clean_image, training.training_passes)):
        raise Unmet(
            "The network gets the clean image, not the noisy one.",
            expected="the noisy image that noise_diffusion returned",
            actual="the image before any noise",
            misconception="network-sees-clean-image",
        )
    found = loss_targets(training)
    if not found:
        block_if_stopped(training, "it computed a loss")
        raise Unmet("Your train computes no loss from the network's prediction.", misconception="no-loss")
    if set(found) == {"noise"} or mixes_own_noise(training):
        return
    gradients = [one.gradient for one in training.training_passes if one.gradient is not None]
    if found["scaled"]:
        share = compared_share(training)
        raise Unmet(
            f"The loss is smallest where the prediction is {share:.2f} times the noise, not the noise.",
            expected="the prediction compared with the noise that noise_diffusion returned",
            actual=f"the prediction compared with {share:.2f} times that noise",
            misconception="target-scaled",
        )
    if gradients and not any(gradient.any() for gradient in gradients):
        raise Unmet(
            "The loss does not depend on the prediction.",
            expected="the noise that noise_diffusion returned, compared with the network's prediction",
            actual="a gradient of zero",
            misconception="prediction-not-compared",
        )
    wrong = next(name for name, _ in found.most_common() if name != "noise")
    id, words = _WRONG_TARGETS[wrong]
    raise Unmet(
        f"The loss compares the prediction with {words}.",
        expected="the noise that noise_diffusion returned",
        actual=words,
        misconception=id,
    )


def expect_step_per_batch(training: RecordedTraining) -> None:
    """Expect one backward pass and one optimizer step per batch; gradient accumulation is accepted."""
    passes, size = training.training_passes, training.size
    expect_arguments_used(training, [name for name in ARGUMENTS if name != "totalTrainingTimesteps"])
    if not passes:
        block_if_stopped(training, "it called the network")
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
    promised = size.epochs * size.batches
    if len(passes) < promised and training.error is None:
        raise Unmet(
            f"Your train uses {len(passes)} batches; {size.epochs} epochs of the loader have {promised}.",
            expected=f"{promised} batches",
            actual=f"{len(passes)} batches",
            misconception="batches-left-out",
        )
    if len(passes) == promised + size.batches and training.error is None:
        raise Unmet(
            f"Your train uses {len(passes)} batches; {size.epochs} epochs of the loader have {promised}.",
            expected=f"{promised} batches",
            actual=f"{len(passes)} batches",
            misconception="epochs-too-many",
        )
    if not comes_back(training):
        raise Unmet(
            f"Your train does not come back after its {size.epochs} epochs: {training.error}.",
            expected=f"an end after {size.epochs} epochs",
            actual=f"{training.error}",
            misconception="train-does-not-return",
        )
    # Every forward call reports the double's one weight, so a step shows in the next call. A step after the
    # last batch shows only if a validation pass follows.
    weights = [one.forward.weight for one in training.passes]
    steps = sum(a != b for a, b in itertools.pairwise(weights))
    unseen = 0 if training.validation_passes else 1
    if steps + unseen >= len(passes) or accumulates_gradients(training):
        _expect_learning_rate(training)
        return
    if len(passes) < 2:
        block_if_stopped(training, "it trained on a second batch")
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


def _expect_learning_rate(training: RecordedTraining) -> None:
    """Expect no whole epoch whose steps all have a learning rate of zero; single steps of a warm-up may."""
    rates = [event.rate for event in training.log if event.kind == "step" and event.rate is not None]
    count = training.size.epochs
    length = len(rates) // count
    epochs = (
        [rates[start : start + length] for start in range(0, count * length, length)] if length > 1 else []
    )
    still = sum(not any(epoch) for epoch in epochs)
    if still:
        raise Unmet(
            f"In {still} of {count} epochs the learning rate is 0, so the network does not change.",
            expected="a learning rate above 0",
            actual=f"0 at {sum(rate == 0 for rate in rates)} of {len(rates)} steps",
            misconception="learning-rate-zero",
        )


def expect_cleared_gradients(training: RecordedTraining) -> None:
    """Expect the gradients of earlier batches to be gone before each backward pass."""
    passes = [one for one in training.training_passes if one.gradient is not None]
    if len(passes) < 2:
        block_if_stopped(training, "it trained on a second batch")
        clearings = sum(event.kind == "zero_grad" for event in training.log)
        if clearings >= len(training.training_passes) > 0:
            return  # missing gradients lost their points elsewhere; these would have been cleared
        raise Blocked("No gradients were computed, so none could be left over.")
    # With gradient accumulation, only the first backward pass after a step must find no gradients.
    fresh = first_passes_after_steps(training)
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
