"""Exercise 2, the short training: its held-out error against the reference's."""

from __future__ import annotations

from collections.abc import Callable

from grader.checks import Evidence, NeedsReview, Reporter, Unmet, criterion
from grader.checks.session import Judge
from grader.model import Curves, Series
from grader.probes.training_budget import LOOK_AFTER
from reference.readings import PAPER

from .short_training.outcome import TrainingOutcome


@criterion("train.learns")
def check_short_training_learns(
    training_outcome: TrainingOutcome,
    contradiction_at_full_size: Callable[[], str | None],
    judge: Judge,
    evidence: Evidence,
    reporter: Reporter,
) -> None:
    """After a short training the network predicts the noise in images that it never saw."""
    outcome = training_outcome
    trained = outcome.trained
    evidence.reading = trained.reading.id if trained.reading.id != PAPER.id else None
    relaxed = ", a wide bound because your network already lost points" if outcome.is_relaxed else ""
    evidence.expected = (
        f"a held-out error of at most {outcome.bound:.3f}{relaxed} "
        f"(the reference reaches {outcome.reference_error:.3f} in {outcome.compared_steps} steps)"
    )
    evidence.actual = f"{outcome.error:.3f} after {trained.steps} steps"
    evidence.measure(
        held_out_error=outcome.error,
        steps=trained.steps,
        reference_error=outcome.reference_error,
        bound=outcome.bound,
        losses=trained.losses,
    )
    _show(outcome, judge, reporter)
    if outcome.has_learned and outcome.knew_before:
        raise NeedsReview(
            f"Your network's error on held-out images is {outcome.early_error:.3f} before training, or after "
            f"its first {LOOK_AFTER} batches. No network learns that so soon: a TA has to look at where its "
            f"answers come from."
        )
    if outcome.has_learned:
        return
    if outcome.error <= outcome.review_bound and not outcome.output_limited and not outcome.is_factor:
        raise NeedsReview(
            f"After {trained.steps} steps the error on held-out images is {outcome.error:.3f}. Up to "
            f"{outcome.bound:.3f} a network has certainly learned, above {outcome.review_bound:.3f} "
            f"certainly not; in between, a TA has to look at its samples."
        )
    if found := contradiction_at_full_size():
        raise NeedsReview(
            f"Your train contradicts itself: in a run of two short epochs it is right, but {found}. A TA has "
            "to look at it.",
            doubts=["train"],
        )
    more = " Its predictions stay in a range that noise exceeds." if outcome.output_limited else ""
    if outcome.is_factor:
        more = " Each of its predictions is the noisy image times a factor: that is no learned prediction."
    raise Unmet(
        f"After {trained.steps} steps your network's error on held-out images is {outcome.error:.3f}; "
        f"the reference reaches {outcome.reference_error:.3f} in {outcome.compared_steps} steps.{more}",
        expected=evidence.expected,
        actual=evidence.actual,
        misconception=_identify(outcome),
    )


def _identify(outcome: TrainingOutcome) -> str | None:
    if outcome.output_limited:
        return "output-limited"
    if outcome.is_factor:
        return None
    return "learns-nothing" if outcome.error > 0.9 else None  # predicting zero gives 1


def _show(outcome: TrainingOutcome, judge: Judge, reporter: Reporter) -> None:
    trained, settings = outcome.trained, judge.rubric.settings["training"]
    batches = settings["batches"]
    reference = {
        "training": outcome.reference_curve.training,
        "validation": outcome.reference_curve.validation,
    }
    names = ("training", "validation")
    series = []
    for name, own in zip(names, trained.losses, strict=False):
        at = [float((number + 1) * batches) for number in range(len(own))]
        series.append(Series(label=f"your {name} loss", x=at, y=[round(v, 6) for v in own], role="student"))
    for name in names:
        values = reference[name][: max(len(trained.losses[0]) if trained.losses else 0, 6)]
        at = [float((number + 1) * batches) for number in range(len(values))]
        band = outcome.reference_curve.bands.get(name)
        series.append(
            Series(
                label=f"reference, {name}" + (" (with range)" if band else ""),
                x=at,
                y=[round(value, 6) for value in values],
                role="reference",
                band=band[: len(values)] if band else None,
            )
        )
    caption = (
        f"On held-out images your network's error is {outcome.error:.3f} after {trained.steps} steps; the "
        f"reference's is {outcome.reference_error:.3f} after {outcome.compared_steps}."
    )
    first = batches * settings["epochs"][0]
    if trained.losses and trained.steps > first:
        caption += (
            f" After {first} steps train was called again with a new optimizer, so a loss may jump there."
        )
    reporter.show(
        Curves(
            exercise=2,
            title="Losses of the short training",
            caption=caption,
            x_label="batches",
            y_label="loss per epoch",
            series=series,
            log_y=True,
            criteria=["train.learns"],
        )
    )
