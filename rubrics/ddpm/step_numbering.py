"""Detect whether the student's steps count from 0 or from 1, and recover the forward process accordingly."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from reference.diffuser import NoiseDiffuser
from reference.readings import PAPER

from .forward import probe as probe_forward
from .forward.calls import FORMS
from .forward.probe import Forward
from .forward.schedule import PROBE, StudentSchedule, build_diffuser, match_reading, replace_wrong_curves
from .sampler import probe as probe_sampler
from .sampler.setup import STEPS as SAMPLER_STEPS
from .trainer import probe as probe_trainer
from .trainer.setup import STEPS as TRAINER_STEPS


def recover_forward(
    student: Student, schedule: StudentSchedule, reference_diffuser: NoiseDiffuser, seed: int
) -> tuple[Forward, list[str]]:
    """Recover the student's forward process, with the wrong curves of its schedule replaced.

    The steps are 0 to T − 1 and t is a list, as in the handout. If the code refuses such calls, or follows no
    accepted formulation with them, it is called as the student's own ``train`` calls it: only a part that
    disagrees with the student's other parts is wrong.

    Returns:
        The forward process, and the names of the schedule curves that were replaced.

    Raises:
        StudentError, Unmet: as ``probe_forward.recover``.
    """
    diffuser = build_diffuser(student, **PROBE)
    replaced = replace_wrong_curves(student, diffuser, schedule, reference_diffuser)

    def attempt(first: int = 0, form: str | None = None) -> Forward:
        generator = torch.Generator().manual_seed(seed)
        return probe_forward.recover(student, diffuser, PROBE["total_steps"], generator, first, form)

    as_handout, refusal = None, None
    try:
        as_handout = attempt()
        accepted = match_reading(as_handout, schedule, reference_diffuser).accepted
        if accepted and not as_handout.convention.single:
            return as_handout, replaced
    except (StudentError, Unmet) as error:
        if isinstance(error, StudentError) and error.lost:
            raise
        refusal = error
    first, form = _convention_of_train(student, seed)
    if first or form:
        with suppress(StudentError, Unmet):
            as_train = attempt(first, form)
            if match_reading(as_train, schedule, reference_diffuser).accepted or as_handout is None:
                return as_train, replaced
    if as_handout is None:
        assert refusal is not None
        raise refusal
    return as_handout, replaced


def _convention_of_train(student: Student, seed: int) -> tuple[int, str | None]:
    """Return the number of the first step, 0 or 1, and the form of t if it is none of the handout's.

    Both are read off a recorded run of ``train``. If that never calls the diffuser, the steps that the
    sampler passes to the network decide on the first step.
    """
    generator = torch.Generator().manual_seed(seed)
    try:
        training = probe_trainer.run(student, PAPER, None, generator)
        drawn = [e for e in training.log if e.kind == "diffuse" and e.t is not None]
        if drawn:
            steps = torch.cat([e.t for e in drawn if e.t is not None])
            unusual = drawn[0].form.startswith(("long", "float")) and drawn[0].form not in FORMS
            return _first_step(steps, TRAINER_STEPS), drawn[0].form if unusual else None
        sampling = probe_sampler.recover(student, lambda _: None, generator)
        passed = [e.t.flatten()[:1] for e in sampling.first.calls if e.t is not None]
        return _first_step(torch.cat(passed), SAMPLER_STEPS) if passed else 0, None
    except (StudentError, Unmet, Blocked):
        return 0, None


def _first_step(steps: Tensor, total: int) -> int:
    """Return 1 for steps from 1 to T, else 0."""
    return int(steps.min().item() == 1 and steps.max().item() == total)
