"""Expectations on a recorded run of ``train``: loss target, optimizer steps, gradients.

All functions raise ``Unmet`` if the expectation fails and ``Blocked`` if the run stopped before it could be
judged.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from grader.checks import Blocked, Unmet
from grader.probes import training_loop
from grader.probes.training_loop import block_if_stopped, expect_cleared_gradients

from .loss_targets import compared_share, loss_targets, mixes_own_noise
from .network_inputs import expect_unchanged_image
from .prerequisites import expect_arguments_used
from .recording import RecordedTraining
from .setup import ARGUMENTS
from .timesteps import expect_random_timesteps
from .wrong_targets import describe_wrong_target

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
        block_if_stopped(training)
        raise Unmet("Your train computes no loss from the network's prediction.", misconception="no-loss")
    if set(found) == {"noise"} or mixes_own_noise(training):
        _expect_normal_noise(training)
        return
    expect_unchanged_image(training)
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
    if target := describe_wrong_target(training):
        raise Unmet(
            target.sentence,
            expected="the prediction compared with the noise that noise_diffusion returned, pixel by pixel",
            actual=target.actual,
            misconception=target.misconception,
        )
    wrong = next(name for name, _ in found.most_common() if name != "noise")
    id, words = _WRONG_TARGETS[wrong]
    raise Unmet(
        f"The loss compares the prediction with {words}.",
        expected="the noise that noise_diffusion returned",
        actual=words,
        misconception=id,
    )


def _expect_normal_noise(training: RecordedTraining) -> None:
    """Expect noise that ``train`` passes to the forward process to be standard normal, and new every time.

    Over the 226,000 pixels of a run the mean has a standard error of 0.002, the deviation of 0.0015 and the
    kurtosis of 0.01.
    """
    passed = [event.output for event in training.log if event.kind == "diffuse" and event.output is not None]
    if len(passed) < training.size.batches:
        return
    noise = torch.cat([each.flatten() for each in passed])
    mean, deviation = noise.mean().item(), noise.std().item()
    kurtosis = ((noise - mean) / max(deviation, 1e-12)).pow(4).mean().item()
    frozen = passed[0].shape == passed[1].shape and torch.equal(passed[0], passed[1])
    if abs(mean) < 0.05 and abs(deviation - 1) < 0.05 and abs(kurtosis - 3) < 0.15 and not frozen:
        return
    found = f"mean {round(mean, 2) + 0.0:.2f}, standard deviation {deviation:.2f}"
    raise Unmet(
        f"The noise that your train passes to noise_diffusion is not new standard normal noise: {found}"
        + (", the same in every batch." if frozen else "."),
        expected="mean 0, standard deviation 1, drawn for every batch",
        actual=found,
        misconception="passed-noise-not-normal",
    )


def expect_step_per_batch(training: RecordedTraining) -> None:
    """Expect one backward pass and one optimizer step per batch; gradient accumulation is accepted."""
    expect_arguments_used(training, [name for name in ARGUMENTS if name != "totalTrainingTimesteps"])
    training_loop.expect_step_per_batch(training)
