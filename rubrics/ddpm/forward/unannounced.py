"""Ask a student's forward process again with a schedule, batches and seeds that nobody knows before.

The recovery (see ``probe``) uses the handout's schedule. Code that answers that one from a table, or
recognises its batches or seeds, contradicts itself here. Both answers are the same student's, so nothing is
held against a formulation or a distribution of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grader.checks import Reporter, Unmet
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from reference.diffuser import NoiseDiffuser
from reference.schedule import SCHEDULE, ScheduleArguments

from ..edition import draw_schedule
from .calls import call_noise_diffusion
from .probe import Forward
from .regression import compare_noises, regress
from .schedule import PROBE, MatchedReading, build_diffuser, read_schedule, replace_wrong_curves

_CALLS = 3
_EXACT = 5e-3  # of coefficients; rounding is a hundred times smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A schedule, and the sizes and seeds of a few calls with it.

    Attributes:
        schedule: arguments of the constructor.
        batches: images per call.
        seeds: of the student's random numbers, one for each call.
    """

    schedule: ScheduleArguments
    batches: list[int]
    seeds: list[int]


ANNOUNCED = Question(schedule=PROBE, batches=[16] * _CALLS, seeds=[1000 + number for number in range(_CALLS)])


def with_schedule(schedule: ScheduleArguments) -> str:
    """Return words for a message: the schedule that an answer was found with."""
    start, end, steps = schedule["start_beta"], schedule["end_beta"], schedule["total_steps"]
    return f"with β from {start:g} to {end:g} in {steps} steps"


def draw_question(generator: torch.Generator) -> Question:
    """Return a question: a schedule, batches of 3 to 13 and of 17 to 40 images, and seeds of nine digits."""
    schedule = draw_schedule(generator)
    batches = torch.randint(3, 14, (_CALLS - 1,), generator=generator).tolist()
    return Question(
        schedule=schedule,
        batches=[*batches, int(torch.randint(17, 41, (1,), generator=generator))],
        seeds=_draw_seeds(_CALLS, generator),
    )


def draw_question_of_training(generator: torch.Generator) -> Question:
    """Return a question with the schedule of the short training and a batch of nearly its size."""
    size = int(torch.randint(50, 70, (1,), generator=generator))
    return Question(schedule=SCHEDULE, batches=[size], seeds=_draw_seeds(1, generator))


def _draw_seeds(count: int, generator: torch.Generator) -> list[int]:
    seeds: list[int] = torch.randint(10**8, 10**9, (count,), generator=generator).tolist()
    return seeds


def find_contradiction(
    student: Student, forward: Forward, matched: MatchedReading, generator: torch.Generator
) -> str | None:
    """Return how a forward process that follows a formulation contradicts it elsewhere; None if it does not.

    What does not agree is asked again with other numbers, and also with those of the recovery: where even
    these do not agree, the code cannot be asked like this.
    """
    shifted = forward.offset.abs().max() > 0.1  # a constant, which lost its points
    if not matched.accepted or forward.limits or forward.changes or forward.residual.max() > 1e-3 or shifted:
        return None

    def ask(question: Question) -> str | None:
        return _disagreement(student, forward, matched, question, generator)

    for draw in (draw_question, draw_question_of_training):
        found = ask(draw(generator)) and ask(draw(generator))
        if found and ask(ANNOUNCED) is None:
            return found
    return None


def _disagreement(
    student: Student,
    forward: Forward,
    matched: MatchedReading,
    question: Question,
    generator: torch.Generator,
) -> str | None:
    """Return where the answers to a question do not follow the formulation, or None."""
    schedule, reference = question.schedule, NoiseDiffuser(**question.schedule)
    steps = schedule["total_steps"]
    try:
        diffuser = build_diffuser(student, **schedule)
        own = read_schedule(student, diffuser, steps, Reporter(emit=lambda _: None))
    except (StudentError, Unmet):
        return None  # schedule.betas asks that
    if any(len(curve) != steps for curve in own.curves.values()):
        return None  # so does it that
    replace_wrong_curves(student, diffuser, own, reference)
    curves = [reference.alpha_bar.double()]
    if (held := own.curves.get("alpha_bar")) is not None and bool(((held > 0) & (held <= 1)).all()):
        curves.append(held)
    where = with_schedule(schedule)
    strengths: list[Tensor] = []
    for size, seed in zip(question.batches, question.seeds, strict=True):
        at = torch.randint(steps, (size,), generator=generator)
        first, second = (torch.rand((size, 1, 28, 28), generator=generator) for _ in range(2))
        try:
            x, noise = call_noise_diffusion(
                student, diffuser, forward.convention, first, at.tolist(), seed=seed
            )
            other, _ = call_noise_diffusion(
                student, diffuser, forward.convention, second, at.tolist(), seed=seed
            )
        except (StudentError, Unmet) as error:
            return f"{where} it fails: {error}"
        differences = zip(x - other, (first - second).double(), strict=True)
        factors = torch.stack([regress(*pair)[0] for pair in differences])
        fitting = [curve for curve in curves if _is_near(factors, matched.reading.signal(curve[at]))]
        if not fitting:
            return f"{where} the image has other coefficients than with the sanity check's schedule"
        added = x - factors.view(-1, 1, 1, 1) * first
        expected = matched.reading.noise(fitting[0][at])
        strengths.append((added / expected.clamp_min(1e-6).view(-1, 1, 1, 1)).flatten())
        if not _returns_its_noise(forward, matched, added, noise, expected):
            return f"{where} the noise that it returns is not the noise in the image as before"
        if _repeats_noise(added):
            return f"{where} it adds the same noise to several images"
    # The standard error of a deviation over N pixels is 1/√(2N), for 7,056 pixels or more at most 0.84 %.
    measured, before = torch.cat(strengths), _strengths(forward, matched)
    allowed = 6 * (1 / (2 * len(measured)) + 1 / (2 * len(before))) ** 0.5
    if abs((measured.std() / before.std()).log().item()) > allowed:
        return f"{where} the noise has another strength"
    return None


def _repeats_noise(added: Tensor) -> bool:
    """Return whether neighbouring images of a batch get alike noise; independent noise has 0 ± 0.036."""
    flat = added.flatten(1) - added.flatten(1).mean(dim=1, keepdim=True)
    unit = flat / flat.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return bool(((unit[1:] * unit[:-1]).sum(dim=1).abs() > 0.3).any())


def _returns_its_noise(
    forward: Forward, matched: MatchedReading, added: Tensor, noise: Tensor | None, expected: Tensor
) -> bool:
    """Return whether the returned noise is that in the image, where it was so in the recovery."""
    if forward.returned is None or not bool((forward.correlation > 0.999).all()):
        return True
    if noise is None or noise.shape != added.shape:
        return False
    found = [compare_noises(*pair) for pair in zip(added, noise, strict=True)]
    ratios = torch.stack([ratio for ratio, _, _ in found])
    right = torch.ones_like(expected) if matched.scaled else expected
    return all(correlation > 0.99 for _, _, correlation in found) and _is_near(ratios, right, within=0.05)


def _strengths(forward: Forward, matched: MatchedReading) -> Tensor:
    """Return the noise of the recovery, each step divided by the formulation's coefficient, flat."""
    deviations = [
        (forward.added / matched.reading.noise(curve).clamp_min(1e-6).view(-1, 1, 1, 1, 1)).flatten()
        for curve in matched.alpha_bars
    ]
    return min(deviations, key=lambda values: abs(values.std().log().item()))


def _is_near(found: Tensor, expected: Tensor, within: float = _EXACT) -> bool:
    return bool(((found - expected).abs() <= within * expected.abs() + 1e-3).all())
