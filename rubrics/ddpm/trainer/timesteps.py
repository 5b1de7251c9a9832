"""Expectations on the timesteps of a recorded run of ``train``: random, one for each image, told as drawn."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from grader.probes.training_loop import block_if_stopped

from ..interface.conventions import timesteps_are_unrelated
from .prerequisites import expect_arguments_used
from .recording import RecordedTraining


def expect_random_timesteps(training: RecordedTraining) -> str:
    """Expect every image of every batch to get its own timestep, sampled uniformly from all T.

    Returns:
        A description of the timesteps.
    """
    batches = _batches(training)
    if len(batches) < 2:
        block_if_stopped(training)
        raise Blocked("Your train never passes a timestep to the network or to noise_diffusion.")
    every, total = torch.cat(batches), training.size.steps
    first = training.numbering.first
    low, high = every.min().item(), every.max().item()
    actual = f"steps from {low:g} to {high:g} in {len(every)} images"
    last = total - 1 + first
    expected = f"steps from {first} to {last}, a separate one for each image, new in every batch"
    expect_arguments_used(training, ("totalTrainingTimesteps",))
    if len(batches) > 2 and all(torch.equal(batch, batches[0]) for batch in batches) and low < high:
        which = f": train reads {training.free_variables}" if training.free_variables else ""
        raise Unmet(
            f"Every batch is trained at the same steps. They are sampled once, not for every batch{which}.",
            expected=expected,
            actual="the same steps in every batch",
            misconception="t-frozen",
        )
    if low < high:
        _expect_new_ones_in_every_batch(training, batches, expected)
    if low < first or high > last:
        raise Unmet(
            f"Some steps do not exist: with T = {total} they run from {first} to {last}"
            + (f"; train reads {training.free_variables}." if training.free_variables else "."),
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
    _expect_told(training)
    if timesteps_are_unrelated(training.timestep_pairs):
        raise Unmet(
            "The timesteps passed to the network differ from those used to noise the images.",
            expected="the step of each image",
            actual="steps sampled separately",
            misconception="told-other-steps",
        )
    # 192 samples of 40 steps have a mean of 0.5 ± 0.021 of the range, so ± 0.15 is seven standard errors; one
    # of the outer quarters of the range is missed once in 10^23.
    mean = ((every - first) / (total - 1)).mean().item()
    if not 0.35 < mean < 0.65 or low > 0.25 * total or high < 0.75 * total:
        raise Unmet(
            "The steps are not spread evenly over the schedule.",
            expected=expected,
            actual=actual,
            misconception="t-not-uniform",
        )
    _expect_both_ends(training, expected)
    return actual


def drawn_timesteps(training: RecordedTraining) -> Tensor:
    """Return the timesteps of all images of a run, float (N,)."""
    return torch.cat([torch.zeros(0, dtype=torch.float64), *_batches(training)])


def _batches(training: RecordedTraining) -> list[Tensor]:
    passes, size = training.training_passes, training.size.batch_size
    return [t for one in passes if (t := _timesteps(one.t, one.forward.t, size)) is not None]


def _expect_both_ends(training: RecordedTraining, expected: str) -> None:
    """Expect the first and the last timestep to occur; ``run.py`` has the odds that they do not."""
    if not training.drawn_again:
        return
    steps = torch.cat([drawn_timesteps(training), *training.drawn_again])
    first, last = training.numbering.first, training.size.steps - 1 + training.numbering.first
    low, high = steps.min().item(), steps.max().item()
    if low > first or high < last:
        missing = f"{first}" if low > first else f"{last}"
        raise Unmet(
            f"No image is ever trained at step {missing}: of {len(steps)} steps the smallest is {low:g} and "
            f"the largest {high:g}.",
            expected=expected,
            actual=f"steps from {low:g} to {high:g}",
            misconception="t-end-missing",
        )


def _expect_new_ones_in_every_batch(
    training: RecordedTraining, batches: Sequence[Tensor], expected: str
) -> None:
    """Expect the steps to be drawn for every batch, neither once in an epoch nor one after the other."""
    length, total = training.size.batches, training.size.steps
    epochs = [batches[start : start + length] for start in range(0, len(batches), length)]
    if all(len(epoch) > 1 and all(torch.equal(batch, epoch[0]) for batch in epoch) for epoch in epochs):
        raise Unmet(
            "All batches of an epoch are trained at the same steps: they are sampled once for each epoch.",
            expected=expected,
            actual="the same steps in all batches of an epoch",
            misconception="t-frozen",
        )
    # Of 16 random steps out of 40 all differences are equal with a probability of 40 ** -14.
    gaps = [set((batch.diff() % total).tolist()) for batch in batches]
    if all(len(gap) == 1 and gap != {0.0} for gap in gaps):
        raise Unmet(
            "The steps of a batch are not random: each is the one before plus a fixed number.",
            expected=expected,
            actual=f"for the first images, t = {', '.join(f'{t:g}' for t in batches[0][:4].tolist())}",
            misconception="t-in-turn",
        )


def _expect_told(training: RecordedTraining) -> None:
    """Expect the network to get a number for each image that changes with the step of this image."""
    pairs = [(drawn, told) for drawn, told, _ in training.timestep_pairs if drawn.min() < drawn.max()]
    if len(pairs) < 2:
        return
    if all(told.numel() == 1 for _, told in pairs):
        raise Unmet(
            "The network gets one number as t for a whole batch, although every image has a step of its own.",
            expected="the step of each image",
            actual="one number for each batch",
            misconception="told-one-step",
        )
    every = torch.cat([told for _, told in pairs])
    if every.min() == every.max():
        raise Unmet(
            f"The network gets t = {every[0]:g} for every image, whatever its step.",
            expected="the step of each image",
            actual=f"t = {every[0]:g}",
            misconception="told-one-step",
        )


def _timesteps(diffused: Tensor | None, predicted: Tensor | None, batch_size: int) -> Tensor | None:
    """Return a batch's timesteps, (batch_size,), as the diffuser got them, or else the network."""
    steps = diffused if diffused is not None else predicted
    if steps is None:
        return None
    return steps.expand(batch_size) if steps.numel() == 1 else steps
