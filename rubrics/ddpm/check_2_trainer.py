"""Exercise 2, the training loop, run on test doubles that record how they are called."""

from __future__ import annotations

from grader.checks import Evidence, Reporter, criterion
from grader.checks.randomness import Seeded
from grader.probes.training_loop import expect_cleared_gradients
from grader.sandbox.student import Student

from .timestep_agreement import Disagreement
from .trainer.expectations import (
    expect_noise_target,
    expect_step_per_batch,
)
from .trainer.loss_targets import loss_targets
from .trainer.losses import expect_losses, expect_numbers_of_the_run
from .trainer.network_inputs import rescaled_images
from .trainer.probe import run_again
from .trainer.recording import RecordedTraining
from .trainer.timesteps import expect_random_timesteps
from .trainer.validation import expect_passive_validation


@criterion("train.loss_target")
def check_loss_compares_the_noises(
    recorded_training: RecordedTraining, reporter: Reporter, evidence: Evidence
) -> None:
    """The loss compares the predicted noise with the noise in the image."""
    evidence.measure(compared_with=loss_targets(recorded_training))
    if recorded_training.error:
        reporter.note(
            f"Your train raised an error in a trial run of two short epochs: {recorded_training.error}"
        )
    if rescaled := rescaled_images(recorded_training):
        reporter.note(
            f"Your train passes {rescaled} to noise_diffusion, not the image as the loader has it. This is "
            "accepted; the samples of a network trained so come out in that range."
        )
    expect_noise_target(recorded_training)


@criterion("train.optimizer_step")
def check_every_batch_updates_the_network(recorded_training: RecordedTraining, evidence: Evidence) -> None:
    """Each batch runs one backward pass and one optimizer step."""
    kinds = [event.kind for event in recorded_training.log]
    evidence.measure(
        forward_passes=len(recorded_training.training_passes),
        backward_passes=kinds.count("backward"),
        optimizer_steps=kinds.count("step"),
    )
    expect_step_per_batch(recorded_training)


@criterion("train.zero_grad")
def check_gradients_are_cleared(recorded_training: RecordedTraining) -> None:
    """The gradients are cleared before each backward pass."""
    expect_cleared_gradients(recorded_training)


@criterion("train.random_t")
def check_steps_are_random(
    recorded_training: RecordedTraining, disagreement: Disagreement | None, evidence: Evidence
) -> None:
    """Every image of every batch gets its own random step from all T, and the network is told this step."""
    evidence.measure(timesteps=[one.t for one in recorded_training.training_passes if one.t is not None])
    evidence.actual = expect_random_timesteps(recorded_training)
    if disagreement and disagreement.is_of_training:
        raise disagreement.unmet()


@criterion("train.eval_mode_no_grad")
def check_validation_changes_nothing(recorded_training: RecordedTraining) -> None:
    """Validation runs in eval mode, without gradients, and updates nothing."""
    expect_passive_validation(recorded_training)


@criterion("train.returns_losses")
def check_losses_are_returned(recorded_training: RecordedTraining, student: Student, seeded: Seeded) -> None:
    """The losses of every epoch are returned."""
    expect_losses(recorded_training)
    expect_numbers_of_the_run(
        recorded_training, lambda: run_again(student, recorded_training, seeded("losses"), outputs=0.5)
    )
