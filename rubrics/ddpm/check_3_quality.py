"""Exercise 3, the samples themselves, from the handout's three seeds."""

from __future__ import annotations

from grader.checks import Evidence, NeedsReview, Reporter, Unmet, criterion
from grader.checks.session import Judge

from .forward.figures import FRAMES, film, grid
from .sample_quality.quality import OWN, Quality


@criterion("sample.quality")
def check_samples_look_like_digits(
    quality: Quality, judge: Judge, evidence: Evidence, reporter: Reporter
) -> None:
    """From the handout's seeds come images that lie as near to real digits as the reference's do."""
    for number, seed in enumerate(judge.rubric.settings["sample_seeds"]):
        rows = [(label, made[number]) for label, made in quality.rows]
        caption = f"Judged: {quality.judged}; {_finding(quality)}."
        if any(label.startswith(OWN) for label, _ in rows):
            caption += " All your own is not judged: after so few batches no network draws digits yet."
        reporter.show(grid(3, f"Samples from seed {seed}", caption, rows))
    if len(quality.film) > FRAMES:
        reporter.show(film(quality.film))
    for note in quality.notes:
        reporter.note(note)
    evidence.expected = (
        f"{quality.measure} of at most {quality.bound:.2f} (the reference: {quality.reference:.2f})"
    )
    evidence.actual = f"{quality.value:.2f}, {quality.judged}"
    if quality.bound < quality.value <= quality.undecided:
        raise NeedsReview(
            f"{quality.measure.capitalize()} is {quality.value:.2f}: more than {quality.bound:.2f}, up to "
            f"which samples surely look like digits, and less than {quality.undecided:.2f}, beyond which "
            f"they surely do not. A person has to look at them."
        )
    if not quality.value <= quality.bound:
        raise Unmet(
            f"The samples do not look like digits: {quality.measure} is {quality.value:.2f}, "
            f"where the reference has {quality.reference:.2f}.",
            expected=evidence.expected,
            actual=evidence.actual,
        )


def _finding(quality: Quality) -> str:
    """What was measured, in words."""
    told = "within" if quality.value <= quality.bound else "beyond"
    return f"{quality.measure} {quality.value:.2f}, {told} the bound of {quality.bound:.2f}"
