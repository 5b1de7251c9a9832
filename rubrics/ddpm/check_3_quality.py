"""Exercise 3, the samples themselves, from the handout's three seeds."""

from __future__ import annotations

import torch

from grader.checks import Evidence, NeedsReview, Reporter, Unmet, criterion
from grader.checks.session import Judge
from grader.probes.figures import grid

from .forward.figures import FRAMES, film
from .sample_quality.quality import OWN, Quality


@criterion("sample.quality")
def check_samples_look_like_digits(
    quality: Quality, judge: Judge, evidence: Evidence, reporter: Reporter
) -> None:
    """The samples from the handout's seeds are as close to real digits as the reference's."""
    seeds = judge.rubric.settings["sample_seeds"]
    for number, seed in enumerate(seeds):
        rows = [(label, made[number]) for label, made in quality.rows]
        caption = f"The samples of seed {seed}, judged together with those of seed {seeds[0]}."
        title = f"Samples from seed {seed}"
        reporter.show(grid(3, title, caption if number else _caption(quality), rows, ["sample.quality"]))
    if len(quality.film) > FRAMES:
        reporter.show(film(quality.film))
    for note in quality.notes:
        reporter.note(note)
    evidence.expected = (
        f"{quality.measure} of at most {quality.bound:.2f} (the reference: {quality.reference:.2f})"
    )
    evidence.measure(value=quality.value, reference=quality.reference, bound=quality.bound)
    evidence.actual = f"{quality.value:.2f}, {quality.judged}"
    unfounded = quality.unfounded if quality.value <= quality.review_bound else None
    if not quality.follows_formula:
        unfounded = "With the handout's seeds, the steps of your generate_samples do not follow the formula"
    if unfounded:
        raise NeedsReview(
            f"{unfounded}, although its steps are right elsewhere. A TA has to look at it.", doubts=["sample"]
        )
    if quality.bound < quality.value <= quality.review_bound:
        raise NeedsReview(
            f"The {quality.measure} is {quality.value:.2f}. Up to {quality.bound:.2f} samples certainly look "
            f"like digits, above {quality.review_bound:.2f} certainly not; in between, a TA has to look at "
            f"them."
        )
    if not quality.value <= quality.bound:
        samples = torch.cat([made.flatten() for made in quality.rows[0][1]])
        if (samples == samples[0]).all():
            raise Unmet(
                f"All pixels of your samples are {samples[0]:.2g}.",
                expected=evidence.expected,
                actual=evidence.actual,
                misconception="samples-constant",
            )
        raise Unmet(
            f"The samples do not look like digits: their {quality.measure} is {quality.value:.2f}; the "
            f"reference's is {quality.reference:.2f}.",
            expected=evidence.expected,
            actual=evidence.actual,
        )


def _caption(quality: Quality) -> str:
    """Say what was judged, what the measured value means, and what the rows show that is not judged."""
    side = "within" if quality.value <= quality.bound else "above"
    sentences = [
        f"Judged: {quality.judged}; {quality.measure} {quality.value:.2f}, {side} the bound of "
        f"{quality.bound:.2f}.",
        quality.explanation,
    ]
    if any(label.startswith(OWN) for label, _ in quality.rows):
        sentences.append(
            "The samples made with all your own parts are not judged: after so few batches no network "
            "generates digits."
        )
    return " ".join(filter(None, sentences))
