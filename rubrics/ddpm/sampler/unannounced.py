"""Run a student's sampler again with a schedule and a number of samples that nobody knows before.

The recovery (see ``probe``) asks for ten samples in the handout's fifty steps. A sampler that follows the
formula only there contradicts itself here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from grader.checks.randomness import Seeded
from grader.sandbox.student import Student
from grader.sandbox.values import Handle
from reference.diffuser import NoiseDiffuser
from reference.schedule import ScheduleArguments

from ..edition import draw_schedule
from ..interface.conventions import StepNumbering
from .fitting import fits
from .formulas import RIGHT
from .noise import matches
from .noise_levels import NoiseLevels
from .probe import RecoveredSampler, run_in_fresh_worker, updates_of
from .setup import COUNT, Setup


@dataclass(frozen=True, slots=True)
class Contradiction:
    """How a sampler that is right in the recovery differs elsewhere.

    Attributes:
        sentence: what was found, and where.
        of_count: whether only the number of samples makes the difference, in a way that shows.
    """

    sentence: str
    of_count: bool = False


def find_contradiction(
    student: Student,
    recovered: RecoveredSampler,
    fallback: Callable[[Student, ScheduleArguments], Handle | None],
    seeded: Seeded,
    numbering: StepNumbering,
) -> Contradiction | None:
    """Return how a sampler contradicts itself with other arguments; None if it does not.

    Args:
        recovered: what it does in the recovery; where it stops or returns nothing there, it may do so here.
        fallback: builds the student's own diffuser with a schedule, without wrong curves.

    What does not agree is asked again with other numbers, and then for ten samples as in the recovery.
    """
    generator = seeded("sampling, unannounced")

    def ask(count: int | None) -> tuple[str, bool] | None:
        return _disagreement(student, recovered, fallback, generator, numbering, count)

    found = ask(None) and ask(None)
    if found is None:
        return None
    sentence, completes = found
    of_count = not completes and ask(COUNT) is None
    return Contradiction(sentence, of_count)


def _disagreement(
    student: Student,
    recovered: RecoveredSampler,
    fallback: Callable[[Student, ScheduleArguments], Handle | None],
    generator: torch.Generator,
    numbering: StepNumbering,
    count: int | None,
) -> tuple[str, bool] | None:
    """Return what is wrong with one run, and whether it took all its steps; None if nothing is."""
    schedule = draw_schedule(generator, most=40)
    drawn = int(torch.randint(3, 9, (1,), generator=generator))
    setup = Setup(schedule=schedule, count=count or drawn)
    reference = NoiseDiffuser(**schedule)
    where = f"for {setup.count} samples in {setup.steps} steps"
    first, second = (
        run_in_fresh_worker(
            student, lambda fresh: fallback(fresh, schedule), generator, numbering, setup=setup
        )
        for _ in range(2)
    )
    before = recovered.first
    if first.error and before.error is None:
        return f"{where} it stops: {first.error}", False
    shapes = {call.x.shape for call in first.calls if call.x is not None}
    complete = all(shape[0] == setup.count for shape in shapes)
    has_result = first.result is not None or before.result is None
    if len(first.calls) != setup.steps or not has_result or not complete:
        return f"{where} it calls the network {len(first.calls)} times", complete
    updates = updates_of(first, second)
    order = list(range(setup.steps - 1, -1, -1))
    recoverable = setup.steps - (first.result is None)  # the last is that to the result
    if len(updates) != recoverable or not fits(updates, order, RIGHT, reference):
        return f"{where} its steps do not follow the formula", True
    known = [number for number, update in enumerate(updates) if math.isfinite(update.x_error)]
    if len(known) < recoverable - 1:  # noise of its own gives both runs the same x_t at first
        return f"{where} its steps cannot be told apart", True
    deviations = [values[~values.isnan()].std() for values in (updates[number].residual for number in known)]
    levels = NoiseLevels.at(torch.stack(deviations), [order[number] for number in known], reference)
    accepted = levels.accepted().values()
    if not any(matches(levels.measured, sigma, first.denoised) for sigma in accepted):
        return f"{where} its noise has another strength", True
    return None
