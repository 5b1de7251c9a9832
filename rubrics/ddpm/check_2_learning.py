"""Exercise 2, the short training: does it learn?"""

from __future__ import annotations

from grader.checks import Evidence, NeedsReview, Reporter, Unmet, criterion
from grader.checks.session import Judge
from grader.model import Curves, Series
from reference.readings import PAPER

from .short_training.training import TrainingOutcome


@criterion("train.learns")
def check_short_training_learns(
    learning: TrainingOutcome, judge: Judge, evidence: Evidence, reporter: Reporter
) -> None:
    """After a short training the network finds the noise in images that it never saw."""
    trained = learning.trained
    evidence.reading = trained.reading.id if trained.reading.id != PAPER.id else None
    evidence.expected = (
        f"a held-out error of at most {learning.bound:.3f} "
        f"(the reference comes to {learning.reference:.3f} in {learning.compared} steps)"
    )
    evidence.actual = f"{learning.error:.3f} after {trained.steps} steps"
    _show(learning, judge, reporter)
    if learning.learnt:
        return
    if learning.error <= learning.undecided and not learning.limited:
        raise NeedsReview(
            f"After {trained.steps} steps the error on held-out images is {learning.error:.3f}: more than "
            f"{learning.bound:.3f}, up to which a network surely learns, and less than "
            f"{learning.undecided:.3f}, beyond which it surely does not. A person has to look at its samples."
        )
    more = " The network's answers keep within limits that the noise has not." if learning.limited else ""
    raise Unmet(
        f"After {trained.steps} steps the error on held-out images is {learning.error:.3f}; "
        f"the reference comes to {learning.reference:.3f} in as many.{more}",
        expected=evidence.expected,
        actual=evidence.actual,
        misconception=_why(learning),
    )


def _why(learning: TrainingOutcome) -> str | None:
    if learning.limited:
        return "output-limited"
    return "learns-nothing" if learning.error > 0.9 else None


def _show(learning: TrainingOutcome, judge: Judge, reporter: Reporter) -> None:
    trained, settings = learning.trained, judge.rubric.settings["training"]
    batches = settings["batches"]
    reference = {
        "training": learning.reference_curve.training,
        "validation": learning.reference_curve.validation,
    }
    names = ("training", "validation")
    series = []
    for name, own in zip(names, trained.losses, strict=False):
        at = [float((number + 1) * batches) for number in range(len(own))]
        series.append(Series(label=f"your {name} loss", x=at, y=[round(v, 6) for v in own], role="student"))
    for name in names:
        values = reference[name][: max(len(trained.losses[0]) if trained.losses else 0, 6)]
        at = [float((number + 1) * batches) for number in range(len(values))]
        band = learning.reference_curve.bands.get(name)
        series.append(
            Series(
                label=f"reference, {name}" + (", and its range" if band else ""),
                x=at,
                y=[round(value, 6) for value in values],
                role="reference",
                band=band[: len(values)] if band else None,
            )
        )
    caption = (
        f"On held-out images your network's error is {learning.error:.3f} after {trained.steps} steps, the "
        f"reference's {learning.reference:.3f} after {learning.compared}."
    )
    first = batches * settings["epochs"][0]
    if trained.losses and trained.steps > first:
        caption += f" After {first} steps train was called anew, with a new optimizer: a loss may jump there."
    reporter.show(
        Curves(
            exercise=2,
            title="Losses of the short training",
            caption=caption,
            x_label="batches",
            y_label="loss per epoch",
            series=series,
            log_y=True,
        )
    )
