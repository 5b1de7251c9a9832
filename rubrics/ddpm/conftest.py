"""The fixtures that checks are built on: the student's parts, probed once, and the reference's in place of
broken ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.checks import Blocked, LeftOut, Talk, Unmet
from grader.checks.randomness import Seeded, streams
from grader.checks.session import Judge
from grader.errors import UsageError
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.pretrained import SCHEDULE as LESSONS
from reference.readings import PAPER

from .forward.probe import Forward
from .forward.schedule import PROBE, Found, Judged, build_diffuser, is_sound, own_diffuser, read, schedule_of
from .interface.conventions import Numbering
from .network.probe import Network, Ways, examine, rebuilt, ways
from .sample_quality.cache import draw_or_recall
from .sample_quality.own_weights import add_own_weights
from .sample_quality.quality import Quality, Studio, add_all_of_the_students, judge_network, judge_sampler
from .sampler import probe as probe_sampler
from .sampler.noise import works
from .sampler.probe import Sampling
from .short_training.background import Lesson
from .short_training.plan import Plan, planned
from .short_training.training import Learning
from .step_numbering import recovered, told_otherwise
from .trainer import probe as probe_trainer
from .trainer.probe import Training
from .trainer.run import run_as_expected, see_what_is_told


@pytest.fixture(scope="session")
def student_data(judge: Judge) -> tuple[Tensor, Tensor]:
    """What torchvision's MNIST serves in the worker: the training part of the data in use."""
    try:
        return digits.load(judge.request["data"], "train")
    except digits.DataError as error:
        raise UsageError(str(error)) from error


@pytest.fixture(scope="session")
def seeded(judge: Judge) -> Seeded:
    """The judge's own random numbers, apart from the student's: a stream for each purpose, whatever else is
    asked.

    The student's code knows the last digits of the seed, and sees some of what is drawn here; neither tells
    it what another stream holds.
    """

    return streams(judge.request["seed"])


@pytest.fixture(scope="session")
def truth() -> NoiseDiffuser:
    """The schedule that the probes use, as it should be."""
    return NoiseDiffuser(**PROBE)


@pytest.fixture(scope="session")
def need(judge: Judge) -> Callable[[str], None]:
    """Blocks whoever needs a definition that the notebook does not have."""
    extraction: dict[str, Any] = judge.request["extraction"]

    def need(name: str) -> None:
        if name in extraction["missing"]:
            hint = extraction["hints"].get(name, "")
            raise Blocked(f"The notebook defines no {name}. {hint}".strip())

    return need


@pytest.fixture(scope="session")
def diffuser(student: Student, need: Callable[[str], None]) -> Handle:
    """The student's NoiseDiffuser over the probes' schedule."""
    need("NoiseDiffuser")
    return build_diffuser(student, **PROBE)


@pytest.fixture(scope="session")
def schedule(student: Student, diffuser: Handle, talk: Talk) -> Found:
    """The student's schedule for the probes."""
    return schedule_of(student, diffuser, PROBE["total_steps"], talk)


@pytest.fixture(scope="session")
def forward(student: Student, schedule: Found, truth: NoiseDiffuser, seeded: Seeded, talk: Talk) -> Forward:
    """The student's forward process, recovered at every step, over the true schedule where it reads that."""
    forward, mended = recovered(student, schedule, truth, seeded("forward").initial_seed())
    talk.convention("noise_diffusion", str(forward.asked))
    if mended and not torch.isfinite(forward.image).all():
        raise Blocked("noise_diffusion computes no numbers from your schedule, which lost its points above.")
    if forward.asked.single:
        talk.note("noise_diffusion takes no batch of images; what else it does was asked image by image.")
    elif forward.asked.form != "list":
        talk.note("noise_diffusion takes t not as a list, as in the handout; it was given a tensor.")
    if (forward.asked.answers.image, forward.asked.answers.noise) == (1, 0):
        talk.note("noise_diffusion returns the noise first and the image second; it was read that way.")
    return forward


@pytest.fixture(scope="session")
def numbering(request: pytest.FixtureRequest, talk: Talk) -> Numbering:
    """How the student counts the steps."""
    forward, schedule = _or_none(request, "forward"), _or_none(request, "schedule")
    found = Numbering(forward.asked.first if forward else 0, schedule.padded if schedule else frozenset())
    talk.convention("Steps", f"counted {found}")
    return found


@pytest.fixture(scope="session")
def judged(forward: Forward, schedule: Found, truth: NoiseDiffuser) -> Judged:
    """The reading that the student's forward process follows."""
    return read(forward, schedule, truth)


@pytest.fixture(scope="session")
def course(request: pytest.FixtureRequest, truth: NoiseDiffuser) -> Judged | None:
    """How the student's forward process is read, if it can be built upon; None where the reference's takes
    its place.
    """
    try:
        judged: Judged = request.getfixturevalue("judged")
        forward, schedule = request.getfixturevalue("forward"), request.getfixturevalue("schedule")
    except (StudentError, Unmet, Blocked):
        return None
    return judged if is_sound(forward, judged, schedule, truth) else None


@pytest.fixture(scope="session")
def network(student: Student, need: Callable[[str], None], seeded: Seeded, talk: Talk) -> Network:
    """The student's UNet(1, 1), asked once."""
    need("UNet")
    network = examine(student, 1, seeded("network"), talk)
    talk.convention("UNet", f"t as {network.form}")
    return network


@pytest.fixture(scope="session")
def paths(student: Student, network: Network, seeded: Seeded) -> Ways:
    """How the network's output hears of its input."""
    return ways(student, network, seeded("paths"))


@pytest.fixture(scope="session")
def training(
    request: pytest.FixtureRequest,
    student: Student,
    need: Callable[[str], None],
    seeded: Seeded,
    course: Judged | None,
    numbering: Numbering,
    judge: Judge,
    talk: Talk,
) -> Training:
    """What the student's ``train`` asks of stand-ins for all that it is given."""
    need("train")
    reading = course.as_returned if course else PAPER
    fallback = own_diffuser(student, judge, probe_trainer.SCHEDULE)
    forward: Forward | None = _or_none(request, "forward")
    forms = [forward.asked.answers] if forward and forward.asked.answers.noise is not None else []
    training = run_as_expected(student, reading, fallback, seeded("training"), numbering, forms)
    see_what_is_told(student, training, lambda: own_diffuser(student, judge, LESSONS), seeded("telling"))
    talk.convention("train", training.convention())
    return training


@pytest.fixture(scope="session")
def sampling(
    student: Student,
    need: Callable[[str], None],
    seeded: Seeded,
    judge: Judge,
    numbering: Numbering,
    talk: Talk,
) -> Sampling:
    """The student's sampler, recovered at every step."""
    need("generate_samples")

    def fallback(fresh: Student) -> Handle | None:
        return own_diffuser(fresh, judge, PROBE)

    found = probe_sampler.recover(student, fallback, seeded("sampling"), numbering)
    talk.convention("generate_samples", found.convention())
    if found.first.missing:
        names = ", ".join(sorted(set(found.first.missing)))
        talk.note(f"generate_samples asks the diffuser for {names}, beyond the handout; yours was asked.")
    return found


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest, judge: Judge, course: Judged | None) -> Plan:
    """What there is of the student's to train with, as far as it is sound."""
    if judge.request["quick"]:
        raise LeftOut("judging it would take a training, which --quick leaves out.")
    return planned(
        network=_or_none(request, "network"),
        paths=_or_none(request, "paths"),
        training=_or_none(request, "training"),
        course=course,
        forward=request.getfixturevalue("forward") if course else None,
    )


@pytest.fixture(scope="session")
def lesson(plan: Plan, student: Student, judge: Judge, talk: Talk) -> Iterator[Lesson]:
    """The short training, under way in a worker of its own while other questions are asked."""
    with Lesson(judge, student, plan, talk) as lesson:
        yield lesson


@pytest.fixture(scope="session", autouse=True)
def _begun_early(request: pytest.FixtureRequest, judge: Judge) -> None:
    """Begins the training with the first check; what hinders it is for the checks that need it to say."""
    if {"train.learns", "sample.quality"} & set(judge.asked()) and not judge.request["quick"]:
        with suppress(Exception):
            request.getfixturevalue("lesson")


@pytest.fixture(scope="session")
def learning(lesson: Lesson, plan: Plan, talk: Talk) -> Learning:
    """What the short training came to."""
    learning = lesson.result()
    if learning.trained.out_of_time:
        steps = learning.trained.steps
        talk.note(f"The short training was stopped after {steps} steps, when its time was up.")
    network = () if learning.trained.is_own else ("network",)
    if replaced := " and ".join(dict.fromkeys([*network, *plan.replaced])):
        talk.note(
            f"The short training used the reference's {replaced}, since yours cannot be built upon as it is."
        )
    return learning


def _or_none(request: pytest.FixtureRequest, name: str) -> Any:
    try:
        return request.getfixturevalue(name)
    except (StudentError, Unmet, Blocked):
        return None


@pytest.fixture
def quality(
    request: pytest.FixtureRequest,
    student: Student,
    judge: Judge,
    sampling: Sampling,
    truth: NoiseDiffuser,
    talk: Talk,
) -> Quality:
    """Samples from the handout's seeds, made with what is the student's and sound."""
    settings = judge.rubric.settings

    def own_network() -> Network:
        return rebuilt(student, request.getfixturevalue("network"), talk)

    studio = Studio(
        student=student,
        seeds=settings["sample_seeds"],
        count=settings["samples_per_seed"],
        fallback=None,
        talk=talk,
        numbering=request.getfixturevalue("numbering"),
    )
    working = works(sampling, truth)
    if not any(working.values()):
        raise Blocked("There is no working sampler whose samples could be looked at.")
    if not all(working.values()):
        return judge_network(studio, request.getfixturevalue("learning"))
    draw = partial(draw_or_recall, judge, studio)
    quality = judge_sampler(studio.seeds, draw, settings["tolerance"])
    training: Training | None = _or_none(request, "training")
    if training and (odd := told_otherwise(training, sampling)):
        talk.note(odd)
    if not judge.request["quick"]:
        learning: Learning | None = _or_none(request, "learning")
        if learning and learning.trained.is_own:
            add_all_of_the_students(quality, studio, learning.trained, own_network())
    if judge.request["weights"] and _or_none(request, "network"):
        add_own_weights(quality, studio, own_network(), Path(judge.request["weights"]))
    return quality
