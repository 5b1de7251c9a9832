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

from grader.checks import Blocked, Reporter, Skipped, Unmet
from grader.checks.randomness import Seeded, streams
from grader.checks.session import Judge
from grader.errors import UsageError
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.pretrained import SCHEDULE as TRAINING_SCHEDULE
from reference.readings import PAPER

from .forward.probe import Forward
from .forward.schedule import (
    PROBE,
    MatchedReading,
    StudentSchedule,
    build_diffuser,
    is_sound,
    own_diffuser,
    read,
    schedule_of,
)
from .interface.conventions import StepNumbering
from .network.probe import InputPaths, Network, examine, input_paths, rebuilt
from .sample_quality.cache import draw_or_recall
from .sample_quality.own_weights import add_own_weights
from .sample_quality.quality import (
    Quality,
    SampleGenerator,
    add_all_of_the_students,
    judge_network,
    judge_sampler,
)
from .sampler import probe as probe_sampler
from .sampler.noise import works
from .sampler.probe import RecoveredSampler
from .short_training.background import BackgroundTraining
from .short_training.plan import TrainingPlan, planned
from .short_training.training import TrainingOutcome
from .step_numbering import recovered, told_otherwise
from .trainer import probe as probe_trainer
from .trainer.probe import RecordedTraining
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
def schedule(student: Student, diffuser: Handle, reporter: Reporter) -> StudentSchedule:
    """The student's schedule for the probes."""
    return schedule_of(student, diffuser, PROBE["total_steps"], reporter)


@pytest.fixture(scope="session")
def forward(
    student: Student, schedule: StudentSchedule, truth: NoiseDiffuser, seeded: Seeded, reporter: Reporter
) -> Forward:
    """The student's forward process, recovered at every step, over the true schedule where it reads that."""
    forward, mended = recovered(student, schedule, truth, seeded("forward").initial_seed())
    reporter.convention("noise_diffusion", str(forward.asked))
    if mended and not torch.isfinite(forward.image).all():
        raise Blocked("noise_diffusion computes no numbers from your schedule, which lost its points above.")
    if forward.asked.single:
        reporter.note("noise_diffusion takes no batch of images; what else it does was asked image by image.")
    elif forward.asked.form != "list":
        reporter.note("noise_diffusion takes t not as a list, as in the handout; it was given a tensor.")
    if (forward.asked.answers.image, forward.asked.answers.noise) == (1, 0):
        reporter.note("noise_diffusion returns the noise first and the image second; it was read that way.")
    return forward


@pytest.fixture(scope="session")
def numbering(request: pytest.FixtureRequest, reporter: Reporter) -> StepNumbering:
    """How the student counts the steps."""
    forward, schedule = _or_none(request, "forward"), _or_none(request, "schedule")
    found = StepNumbering(forward.asked.first if forward else 0, schedule.padded if schedule else frozenset())
    reporter.convention("Steps", f"counted {found}")
    return found


@pytest.fixture(scope="session")
def judged(forward: Forward, schedule: StudentSchedule, truth: NoiseDiffuser) -> MatchedReading:
    """The reading that the student's forward process follows."""
    return read(forward, schedule, truth)


@pytest.fixture(scope="session")
def course(request: pytest.FixtureRequest, truth: NoiseDiffuser) -> MatchedReading | None:
    """How the student's forward process is read, if it can be built upon; None where the reference's takes
    its place.
    """
    try:
        judged: MatchedReading = request.getfixturevalue("judged")
        forward, schedule = request.getfixturevalue("forward"), request.getfixturevalue("schedule")
    except (StudentError, Unmet, Blocked):
        return None
    return judged if is_sound(forward, judged, schedule, truth) else None


@pytest.fixture(scope="session")
def network(student: Student, need: Callable[[str], None], seeded: Seeded, reporter: Reporter) -> Network:
    """The student's UNet(1, 1), asked once."""
    need("UNet")
    network = examine(student, 1, seeded("network"), reporter)
    reporter.convention("UNet", f"t as {network.form}")
    return network


@pytest.fixture(scope="session")
def paths(student: Student, network: Network, seeded: Seeded) -> InputPaths:
    """How the network's output hears of its input."""
    return input_paths(student, network, seeded("paths"))


@pytest.fixture(scope="session")
def training(
    request: pytest.FixtureRequest,
    student: Student,
    need: Callable[[str], None],
    seeded: Seeded,
    course: MatchedReading | None,
    numbering: StepNumbering,
    judge: Judge,
    reporter: Reporter,
) -> RecordedTraining:
    """What the student's ``train`` asks of stand-ins for all that it is given."""
    need("train")
    reading = course.as_returned if course else PAPER
    fallback = own_diffuser(student, judge, probe_trainer.SCHEDULE)
    forward: Forward | None = _or_none(request, "forward")
    forms = [forward.asked.answers] if forward and forward.asked.answers.noise is not None else []
    training = run_as_expected(student, reading, fallback, seeded("training"), numbering, forms)
    see_what_is_told(
        student, training, lambda: own_diffuser(student, judge, TRAINING_SCHEDULE), seeded("telling")
    )
    reporter.convention("train", training.convention())
    return training


@pytest.fixture(scope="session")
def sampling(
    student: Student,
    need: Callable[[str], None],
    seeded: Seeded,
    judge: Judge,
    numbering: StepNumbering,
    reporter: Reporter,
) -> RecoveredSampler:
    """The student's sampler, recovered at every step."""
    need("generate_samples")

    def fallback(fresh: Student) -> Handle | None:
        return own_diffuser(fresh, judge, PROBE)

    found = probe_sampler.recover(student, fallback, seeded("sampling"), numbering)
    reporter.convention("generate_samples", found.convention())
    if found.first.missing:
        names = ", ".join(sorted(set(found.first.missing)))
        reporter.note(f"generate_samples asks the diffuser for {names}, beyond the handout; yours was asked.")
    return found


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest, judge: Judge, course: MatchedReading | None) -> TrainingPlan:
    """What there is of the student's to train with, as far as it is sound."""
    if judge.request["quick"]:
        raise Skipped("judging it would take a training, which --quick leaves out.")
    return planned(
        network=_or_none(request, "network"),
        paths=_or_none(request, "paths"),
        training=_or_none(request, "training"),
        course=course,
        forward=request.getfixturevalue("forward") if course else None,
    )


@pytest.fixture(scope="session")
def lesson(
    plan: TrainingPlan, student: Student, judge: Judge, reporter: Reporter
) -> Iterator[BackgroundTraining]:
    """The short training, under way in a worker of its own while other questions are asked."""
    with BackgroundTraining(judge, student, plan, reporter) as lesson:
        yield lesson


@pytest.fixture(scope="session", autouse=True)
def _begun_early(request: pytest.FixtureRequest, judge: Judge) -> None:
    """Begins the training with the first check; what hinders it is for the checks that need it to say."""
    if {"train.learns", "sample.quality"} & set(judge.asked()) and not judge.request["quick"]:
        with suppress(Exception):
            request.getfixturevalue("lesson")


@pytest.fixture(scope="session")
def learning(lesson: BackgroundTraining, plan: TrainingPlan, reporter: Reporter) -> TrainingOutcome:
    """What the short training came to."""
    learning = lesson.result()
    if learning.trained.out_of_time:
        steps = learning.trained.steps
        reporter.note(f"The short training was stopped after {steps} steps, when its time was up.")
    network = () if learning.trained.is_own else ("network",)
    if replaced := " and ".join(dict.fromkeys([*network, *plan.replaced])):
        reporter.note(
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
    sampling: RecoveredSampler,
    truth: NoiseDiffuser,
    reporter: Reporter,
) -> Quality:
    """Samples from the handout's seeds, made with what is the student's and sound."""
    settings = judge.rubric.settings

    def own_network() -> Network:
        return rebuilt(student, request.getfixturevalue("network"), reporter)

    sample_generator = SampleGenerator(
        student=student,
        seeds=settings["sample_seeds"],
        count=settings["samples_per_seed"],
        fallback=None,
        reporter=reporter,
        numbering=request.getfixturevalue("numbering"),
    )
    working = works(sampling, truth)
    if not any(working.values()):
        raise Blocked("There is no working sampler whose samples could be looked at.")
    if not all(working.values()):
        return judge_network(sample_generator, request.getfixturevalue("learning"))
    draw = partial(draw_or_recall, judge, sample_generator)
    quality = judge_sampler(sample_generator.seeds, draw, settings["tolerance"])
    training: RecordedTraining | None = _or_none(request, "training")
    if training and (odd := told_otherwise(training, sampling)):
        reporter.note(odd)
    if not judge.request["quick"]:
        learning: TrainingOutcome | None = _or_none(request, "learning")
        if learning and learning.trained.is_own:
            add_all_of_the_students(quality, sample_generator, learning.trained, own_network())
    if judge.request["weights"] and _or_none(request, "network"):
        add_own_weights(quality, sample_generator, own_network(), Path(judge.request["weights"]))
    return quality
