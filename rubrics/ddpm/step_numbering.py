"""Whether a student counts the steps from 0 or from 1, and how ``train`` gives them."""

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
from .forward.schedule import PROBE, StudentSchedule, build_diffuser, mend, read
from .sampler import probe as probe_sampler
from .sampler.probe import STEPS as SAMPLER_STEPS
from .sampler.probe import RecoveredSampler
from .trainer import probe as probe_trainer
from .trainer.probe import RecordedTraining


def recovered(
    student: Student, schedule: StudentSchedule, truth: NoiseDiffuser, seed: int
) -> tuple[Forward, list[str]]:
    """The student's forward process over the true schedule where it reads that, and what was mended for that.

    It is asked at the steps 0 to T − 1, as the handout counts, with t as the handout gives it. Only where
    that is refused, or follows no accepted reading, it is asked as the student's own ``train`` does.

    Raises:
        StudentError, Unmet: as ``probe_forward.recover``.
    """
    diffuser = build_diffuser(student, **PROBE)
    mended = mend(student, diffuser, schedule, truth)

    def asked(first: int = 0, form: str | None = None) -> Forward:
        generator = torch.Generator().manual_seed(seed)
        return probe_forward.recover(student, diffuser, PROBE["total_steps"], generator, first, form)

    as_handout, refusal = None, None
    try:
        as_handout = asked()
        if read(as_handout, schedule, truth).accepted and not as_handout.asked.single:
            return as_handout, mended
    except (StudentError, Unmet) as error:
        if isinstance(error, StudentError) and error.lost:
            raise
        refusal = error
    first, form = _as_train_asks(student, seed)
    if first or form:
        with suppress(StudentError, Unmet):
            as_own = asked(first, form)
            if read(as_own, schedule, truth).accepted or as_handout is None:
                return as_own, mended
    if as_handout is None:
        assert refusal is not None
        raise refusal
    return as_handout, mended


def _as_train_asks(student: Student, seed: int) -> tuple[int, str | None]:
    """The first step, 0 or 1, and the form of t where it is none of the handout's; the sampler decides on the
    first step where ``train`` asks nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    try:
        training = probe_trainer.run(student, PAPER, None, generator)
        drawn = [e for e in training.log if e.kind == "diffuse" and e.t is not None]
        if drawn:
            steps = torch.cat([e.t for e in drawn if e.t is not None])
            unusual = drawn[0].form.startswith(("long", "float")) and drawn[0].form not in FORMS
            return _first(steps, probe_trainer.STEPS), drawn[0].form if unusual else None
        sampling = probe_sampler.recover(student, lambda _: None, generator)
        told = [e.t.flatten()[:1] for e in sampling.first.calls if e.t is not None]
        return _first(torch.cat(told), probe_sampler.STEPS) if told else 0, None
    except (StudentError, Unmet, Blocked):
        return 0, None


def _first(steps: Tensor, total: int) -> int:
    return int(steps.min().item() == 1 and steps.max().item() == total)


def told_otherwise(training: RecordedTraining, sampling: RecoveredSampler) -> str | None:
    """A sentence on a sampler that tells the network the steps in another way than ``train`` does; None where
    it tells them alike, or where that cannot be compared.
    """
    usual = training.usual if training.told else None
    told = [call.t.flatten()[0].item() for call in sampling.first.calls if call.t is not None]
    due = [] if usual is None else usual.of(torch.arange(len(told)).flip(0), len(told)).tolist()
    if (
        not due
        or len(told) != SAMPLER_STEPS
        or all(abs(a - b) < 1e-4 for a, b in zip(told, due, strict=True))
    ):
        return None
    return (
        f"generate_samples tells the network {told[0]:g} at first and {told[-1]:g} at last, where "
        f"train would tell it {due[0]:g} and {due[-1]:g}: a network so trained does not know these steps."
    )
