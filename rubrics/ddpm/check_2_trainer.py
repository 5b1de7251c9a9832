"""Exercise 2, the training loop, run on stand-ins that record what it asks of them."""

from __future__ import annotations

from grader.checks import Evidence, Reporter, criterion

from .trainer import expectations, losses
from .trainer.probe import RecordedTraining


@criterion("train.loss_target")
def check_loss_compares_the_noises(training: RecordedTraining, reporter: Reporter) -> None:
    """The loss compares the predicted noise with the noise that is in the image."""
    if training.error:
        reporter.note(f"Your train stopped when it was run on two short epochs: {training.error}")
    expectations.expect_loss_on_noise(training)


@criterion("train.optimizer_step")
def check_every_batch_improves_the_network(training: RecordedTraining) -> None:
    """The loss is sent back through the network, and the optimiser steps, once per batch."""
    expectations.expect_a_step_per_batch(training)


@criterion("train.zero_grad")
def check_gradients_start_anew(training: RecordedTraining) -> None:
    """Before each backward pass the gradients of the batch before are gone."""
    expectations.expect_cleared_gradients(training)


@criterion("train.random_t")
def check_steps_are_random(training: RecordedTraining, evidence: Evidence) -> None:
    """Every image of every batch is trained at a step drawn anew from all T."""
    evidence.actual = expectations.expect_random_steps(training)


@criterion("train.eval_mode_no_grad")
def check_validation_only_looks(training: RecordedTraining) -> None:
    """In validation the network is in eval mode, no gradients are recorded, and nothing is updated."""
    expectations.expect_validation_only_looks(training)


@criterion("train.returns_losses")
def check_losses_are_returned(training: RecordedTraining) -> None:
    """The losses of every epoch come back."""
    losses.expect_losses(training)
