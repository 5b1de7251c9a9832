"""Runs a student's ``train`` on stand-ins as its notebook would have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from grader.sandbox.student import Student
from grader.sandbox.values import Handle
from reference.pretrained import SCHEDULE as TRAINING_SCHEDULE
from reference.readings import Reading

from ..forward.probe import Forward
from ..interface.conventions import HANDOUT_LAYOUT, ReturnLayout, StepNumbering, tabulate_encoding
from ..interface.signatures import raise_if_not_installed, stale_variables
from .expectations import trains_rightly
from .probe import ARGUMENTS, RecordedTraining, run, run_once


def run_as_expected(
    student: Student,
    reading: Reading,
    fallback: Handle | None,
    generator: torch.Generator,
    numbering: StepNumbering,
    forms: Sequence[ReturnLayout],
) -> RecordedTraining:
    """A run in which the stand-in for the diffuser answers as the student's own does, in one of ``forms``.

    Where ``train`` expects the handout's form, it answers in that, and the two are at odds; where it trains
    rightly only once the notebook's variables are its arguments, they are set.
    """
    tried: list[RecordedTraining] = []
    for answers in dict.fromkeys([*forms, HANDOUT_LAYOUT]):
        again = torch.Generator().manual_seed(generator.initial_seed())
        tried.append(run(student, reading, fallback, again, numbering=numbering, answers=answers))
        raise_if_not_installed(tried[-1].error)
        if trains_rightly(tried[-1]):
            break
    training = next(filter(trains_rightly, reversed(tried)), tried[0])
    if training.answers != tried[0].answers:
        training.at_odds = tried[0].answers
    if not trains_rightly(training):
        again = torch.Generator().manual_seed(generator.initial_seed())
        with_set = with_variables_set(student, training, again)
        training = with_set if trains_rightly(with_set, but_stale=True) else training
    return training


def with_variables_set(
    student: Student, training: RecordedTraining, generator: torch.Generator
) -> RecordedTraining:
    """Another run, in a worker of its own, in which variables that ``train`` reads are its arguments; the run
    that was where there are none.
    """
    stale = stale_variables(student, "train", ARGUMENTS)
    if not stale:
        return training
    with student.fresh() as one:
        again = run_once(one, training.reading, None, generator, training.numbering, training.answers, stale)
    again.stale = stale
    return again


def see_what_is_told(
    student: Student,
    training: RecordedTraining,
    diffuser: Callable[[], Handle | None],
    generator: torch.Generator,
) -> None:
    """Where no usual scale fits what the network is told, run ``train`` on the schedule of the short training
    and note what it is told at each of its steps.

    Args:
        diffuser: the student's own with that schedule.
    """
    if training.error or training.usual:
        return
    again = run_once(
        student,
        training.reading,
        diffuser(),
        generator,
        training.numbering,
        training.answers,
        training.stale,
        labels=training.labels,
        schedule=TRAINING_SCHEDULE,
    )
    training.unusual = tabulate_encoding(
        again.told, training.numbering.first, TRAINING_SCHEDULE["total_steps"]
    )


def agree(training: RecordedTraining | None, forward: Forward) -> bool:
    """Whether the student's ``train`` and NoiseDiffuser expect the same of each other."""
    if training is None:
        return True
    gives_lists = any(one.form == "list" for one in training.training_passes)
    return training.answers == forward.convention.layout and not (
        gives_lists and forward.convention.form != "list"
    )
