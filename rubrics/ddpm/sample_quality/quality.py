"""Judge samples by their energy distance to real digits.

The margins are in docs/calibration.md: over 20 seeds the reference's samples have distances of −0.05 to 0.13,
real digits −0.04 to 0.08, uniform noise 6.8. The bound of 1.0 leaves room for correct samplers of any style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from grader.checks import Blocked
from grader.sandbox.values import StudentError
from reference import digits
from reference.evaluation import energy_distance
from reference.schedule import SCHEDULE

from ..edition import DENOISER, HAS_SAMPLER
from ..forward.schedule import build_diffuser
from ..network.probe import Network
from ..short_training import measured
from ..short_training.outcome import TrainedNetwork, TrainingOutcome
from .generator import SampleGenerator, Samples
from .unfounded import find_reason, follows_formula

OWN = "all your own"  # label of the samples for which no part is the reference's


@dataclass(slots=True, kw_only=True)
class Quality:
    """The measured quality of samples, and the images.

    Attributes:
        judged: the parts that made the samples.
        value: the measured value; less is better.
        reference: the reference's value.
        bound: value up to which the samples pass.
        review_bound: value up to which a person must decide; equal to ``bound`` or greater.
        measure: what the values are.
        explanation: a sentence on what the values mean, or "".
        rows: labelled samples, one tensor for each seed.
        notes: sentences for the report.
        film: one sample from x_T to x_0, (1, 28, 28) each, as the student's sampler passed it to the network.
        unfounded: why the samples are not the sampler's own work; None if they are.
        follows_formula: whether the steps that made them are those of a right sampler.
    """

    judged: str
    value: float
    reference: float
    bound: float
    review_bound: float
    measure: str
    rows: list[tuple[str, list[Tensor]]]
    explanation: str = ""
    notes: list[str] = field(default_factory=list)
    film: list[Tensor] = field(default_factory=list)
    unfounded: str | None = None
    follows_formula: bool = True


def judge_sampler(
    seeds: Sequence[int],
    sample: Callable[[Sequence[int]], Samples],
    tolerance: Mapping[str, float],
    own_seed: int,
    *,
    ignores_start: bool,
) -> Quality:
    """Judge a correct sampler with the reference's trained network, independently of the student's network.

    Between ``quality`` and ``quality_not`` the distance is measured again over twice as many samples.

    Args:
        seeds: the handout's seeds.
        sample: generates samples from seeds, as ``SampleGenerator.with_student_sampler`` does.
        tolerance: ``quality`` and ``quality_not``, energy distances up to which samples certainly look like
            digits and above which they certainly do not.
        own_seed: a seed of the judge's, which nobody knows before.
        ignores_start: whether the sampler starts from noise of its own.

    Raises:
        StudentError: the sampler failed.
        Blocked: it returned no samples.
    """
    reference = measured.reference_samples()
    sampled = sample([*seeds, own_seed])
    *own, unannounced = sampled.samples
    bound, review_bound = tolerance["quality"], tolerance["quality_not"]
    notes = []
    rescaled = [2 * samples - 1 for samples in own]
    if distance(own) > bound >= distance(rescaled):
        own, unannounced = rescaled, 2 * unannounced - 1
        notes.append("Your generate_samples returns (x + 1) / 2 instead of x; its samples were judged as x.")
    if sampled.size != (28, 28):
        notes.append(
            f"Your sampler works with images of {sampled.size[0]} x {sampled.size[1]}, so the 28 x 28 "
            "pixels in the middle of its samples were judged."
        )
    value = distance(own)
    if bound < value <= review_bound:
        again = sample([seed + 1 for seed in seeds])
        value = distance([*own, *again.samples])
    return Quality(
        judged=f"your sampler with {DENOISER}",
        value=value,
        reference=distance(reference),
        bound=bound,
        review_bound=review_bound,
        measure="energy distance to real digits",
        explanation="This distance is about 0 for images distributed like real digits, and 6.8 or more for "
        "noise.",
        rows=[(f"your sampler, {DENOISER}", own), ("all of the reference", reference)],
        notes=notes,
        film=[*sampled.film, own[0][0]],
        unfounded=_unfounded(sampled, own, unannounced, ignores_start=ignores_start),
        follows_formula=follows_formula(sampled.right_steps),
    )


# Distance of samples from noise of the judge's own. Few are made: four of the reference's have 0.0 ± 0.45.
_UNANNOUNCED_BOUND = 4.0


def _unfounded(
    sampled: Samples, own: list[Tensor], unannounced: Tensor, *, ignores_start: bool
) -> str | None:
    """Return why samples are not the work of the sampler's steps on x_T, or None."""
    found = find_reason(own, unannounced, sampled.likeness, ignores_start=ignores_start)
    if found is None and distance([unannounced]) > _UNANNOUNCED_BOUND:
        return "From other noise than that of the handout's seeds, your samples do not look like digits"
    return found


def judge_network(sample_generator: SampleGenerator, outcome: TrainingOutcome) -> Quality:
    """Judge the student's network with the reference's sampler, if the student's own lost points already.

    The samples are shown but not judged: after a short training they vary far more from seed to seed than
    between right and wrong (energy distances of 0.2 to 6.9 for the reference itself). The verdict is whether
    the network has learned.

    Raises:
        Blocked: the network is the reference's or has not learned, which lost points elsewhere.
    """
    if not outcome.error <= outcome.bound or not outcome.trained.is_own:
        raise Blocked(
            "Neither your sampler nor your network works as it is. Each lost its points in its own exercise."
        )
    judged, rows = "your network", [("all of the reference", measured.reference_samples())]
    note = "Your sampler already lost its points, so there are no samples of yours to judge."
    if HAS_SAMPLER:
        judged = "your network with the reference's sampler"
        own = sample_generator.with_reference_sampler(outcome.trained.predict)
        rows.insert(0, ("your network, reference's sampler", own))
        note = (
            "Your sampler already lost its points, so these samples are made with your network and the "
            "reference's sampler."
        )
    return Quality(
        judged=judged,
        value=outcome.error,
        reference=outcome.reference_error,
        bound=outcome.bound,
        review_bound=outcome.bound,
        measure="error on held-out images",
        rows=rows,
        notes=[note],
    )


def add_own_samples(
    quality: Quality, sample_generator: SampleGenerator, trained: TrainedNetwork, network: Network
) -> None:
    """Add a row of samples made with the student's parts only; they are shown, not judged.

    Args:
        trained: the student's network after the short training.
        network: a new instance of it, which gets the trained weights.
    """
    if trained.weights is None:
        quality.notes.append(
            "The weights of your trained network could not be read, so there are no samples of it."
        )
        return
    try:
        sample_generator.student.ask("weights", network.handle, content=trained.weights)
        diffuser = build_diffuser(sample_generator.student, **SCHEDULE)
        own = sample_generator.with_student_parts(network, diffuser)
    except (StudentError, Blocked):
        return  # a form of t that the network refuses is charged to sample.order
    quality.rows.insert(0, (f"{OWN}, after {trained.steps} steps", own))


def distance(samples: list[Tensor]) -> float:
    """Return the energy distance of samples to the held-out digits; infinite if they are not finite."""
    together = torch.cat(samples)
    if not torch.isfinite(together).all():
        return float("inf")
    real, _ = digits.load_digits28("held-out")
    return energy_distance(together.clamp(-10, 10), real)
