"""Exercise 5, the training loop, run on test doubles that record how they are called; a short training."""

from __future__ import annotations

from grader.checks import Evidence, Reporter, Skipped, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.checks.session import Judge
from grader.probes import training_loop
from grader.probes.training_budget import TrainingBudget
from grader.sandbox.student import Student

from . import learning, losses, training
from .training import RecordedTraining


@criterion("train.target")
def check_the_loss_asks_for_the_next_character(
    recorded_training: RecordedTraining, evidence: Evidence, reporter: Reporter
) -> None:
    """At every position the loss asks for the character after it."""
    if recorded_training.error:
        reporter.note(f"Your train raised an error in a trial run: {recorded_training.error}")
    found = training.read_targets(recorded_training)
    evidence.measure(
        offsets={str(offset): times for offset, times in found.offsets.items()}, positions=found.positions
    )
    training.expect_next_character(recorded_training)


@criterion("train.step")
def check_every_batch_updates_the_model(recorded_training: RecordedTraining, evidence: Evidence) -> None:
    """Each batch runs one backward pass and one optimizer step."""
    kinds = [event.kind for event in recorded_training.log]
    evidence.measure(
        forward_passes=len(recorded_training.training_passes), optimizer_steps=kinds.count("step")
    )
    training_loop.expect_step_per_batch(recorded_training)


@criterion("train.zero_grad")
def check_gradients_are_cleared(recorded_training: RecordedTraining) -> None:
    """The gradients are cleared before each backward pass."""
    training_loop.expect_cleared_gradients(recorded_training)


@criterion("train.losses")
def check_losses_are_returned(recorded_training: RecordedTraining, evidence: Evidence) -> None:
    """The mean loss of every epoch is returned."""
    evidence.measure(expected_losses=losses.expect_losses(recorded_training))


@criterion("train.learns")
def check_the_model_learns(
    student: Student,
    recorded_training: RecordedTraining,
    returned_loss: str | None,
    judge: Judge,
    seeded: Seeded,
    evidence: Evidence,
    reporter: Reporter,
) -> None:
    """After a short training the model predicts text that it never saw."""
    if judge.request["quick"]:
        raise Skipped("it needs a training, which --quick skips.")
    training_loop.block_if_stopped(recorded_training)
    bound = judge.rubric.settings["tolerance"]["learns"]
    outcome = learning.learn(
        lambda: student.fresh(notices={}),
        TrainingBudget.of(judge.rubric.settings["training"]),
        bound,
        lambda: seeded("batches"),
        lambda done, total: reporter.progress("training", done, total),
        returned_loss,
    )
    evidence.measure(
        held_out_loss=outcome.loss, steps=outcome.steps, bound=bound, own_model=outcome.own_model
    )
    evidence.expected = f"a held-out loss of at most {bound:.2f}"
    evidence.actual = f"{outcome.loss:.2f} after {outcome.steps} batches"
    if not outcome.own_model:
        reporter.note("The short training used the reference's model, because yours does not learn.")
    if not outcome.loss <= bound:
        raise Unmet(
            f"After {outcome.steps} batches the loss on text that the model never saw is {outcome.loss:.2f}.",
            expected=evidence.expected,
            actual=evidence.actual,
            misconception="learns-nothing",
        )
