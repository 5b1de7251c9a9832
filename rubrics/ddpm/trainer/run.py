"""Record a student's ``train`` under the conventions of its own notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from grader.sandbox.student import Student
from grader.sandbox.values import Handle
from reference.readings import Reading
from reference.schedule import SCHEDULE as TRAINING_SCHEDULE

from ..forward.probe import Forward
from ..interface.conventions import HANDOUT_LAYOUT, ReturnLayout, StepNumbering, tabulate_encoding
from ..interface.signatures import raise_if_not_installed, stale_variables
from .expectations import trains_correctly
from .probe import run, run_again, run_once
from .recording import RecordedTraining
from .setup import ARGUMENTS, RunSize
from .timesteps import drawn_timesteps


def record_training(
    student: Student,
    reading: Reading,
    fallback: Handle | None,
    generator: torch.Generator,
    numbering: StepNumbering,
    layouts: Sequence[ReturnLayout],
) -> RecordedTraining:
    """Record ``train`` with a double of the diffuser that returns results as the student's own does.

    If ``train`` only works with the handout's layout, the recording uses that and notes the conflict. If it
    only works once the notebook variables it reads are set to its arguments, they are set.

    Args:
        reading, fallback, generator, numbering: see ``probe.run``. Every attempt starts from the generator's
            initial seed.
        layouts: layouts of the student's own diffuser, most likely first.
    """
    attempts: list[RecordedTraining] = []
    for layout in dict.fromkeys([*layouts, HANDOUT_LAYOUT]):
        again = torch.Generator().manual_seed(generator.initial_seed())
        attempts.append(run(student, reading, fallback, again, numbering=numbering, layout=layout))
        raise_if_not_installed(attempts[-1].error)
        if trains_correctly(attempts[-1]):
            break
    training = next(filter(trains_correctly, reversed(attempts)), attempts[0])
    if training.layout != attempts[0].layout:
        training.conflicting_layout = attempts[0].layout
    if not trains_correctly(training):
        again = torch.Generator().manual_seed(generator.initial_seed())
        with_set = _record_with_variables_set(student, training, again)
        training = with_set if trains_correctly(with_set, ignore_stale_variables=True) else training
    _draw_again_at_the_ends(student, training, generator)
    return training


def _draw_again_at_the_ends(student: Student, training: RecordedTraining, generator: torch.Generator) -> None:
    """Run ``train`` twice more, with other seeds, if no image has the first or the last timestep.

    Of 192 random timesteps out of 40, one of the two is missing in 1.5 % of the runs; of 576, in one of a
    million.
    """
    first, last = training.numbering.first, training.size.steps - 1 + training.numbering.first
    steps = drawn_timesteps(training)
    if training.error or not len(steps) or (steps.min() <= first and steps.max() >= last):
        return
    for number in (1, 2):
        again = run_again(
            student,
            training,
            torch.Generator().manual_seed(generator.initial_seed() + number),
            seed=student.seed + 100 * number,
        )
        training.drawn_again.append(drawn_timesteps(again))


def _record_with_variables_set(
    student: Student, training: RecordedTraining, generator: torch.Generator
) -> RecordedTraining:
    """Record ``train`` again with the notebook variables that it reads set to its arguments.

    This takes a worker of its own, whose variables may change. Without such variables, return ``training``.
    """
    stale = stale_variables(student, "train", ARGUMENTS)
    if not stale:
        return training
    with student.fresh() as fresh:
        again = run_once(fresh, training.reading, None, generator, training.numbering, training.layout, stale)
    again.stale_variables, again.undefined = stale, student.source.never_defined
    return again


def record_custom_encoding(
    student: Student,
    training: RecordedTraining,
    diffuser: Callable[[], Handle | None],
    generator: torch.Generator,
) -> None:
    """Tabulate the encoding of the timestep for the network if it is none of the usual ones.

    A custom encoding may depend on the schedule (the noise level, say), so ``train`` runs again on the
    schedule of the short training, and the number passed at each of its timesteps is noted.

    Args:
        diffuser: builds the student's own diffuser with that schedule.
    """
    if training.error or training.usual_encoding:
        return
    again = run_again(
        student, training, generator, fallback=diffuser(), size=RunSize(schedule=TRAINING_SCHEDULE)
    )
    training.custom_encoding = tabulate_encoding(
        again.timestep_pairs, training.numbering.first, TRAINING_SCHEDULE["total_steps"]
    )


def interfaces_agree(training: RecordedTraining | None, forward: Forward) -> bool:
    """Return whether the student's ``train`` works with the student's own NoiseDiffuser."""
    if training is None:
        return True
    passes_lists = any(one.form == "list" for one in training.training_passes)
    return training.layout == forward.convention.layout and not (
        passes_lists and forward.convention.form != "list"
    )
