"""Fixtures of the training checks: the recorded run of ``train``, and the short training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from grader.checks import Blocked, NeedsReview, Reporter, Skipped, Unmet
from grader.checks.randomness import Seeded
from grader.checks.session import Judge
from grader.probes.recorded_graph import Weights
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from reference.readings import PAPER
from reference.schedule import SCHEDULE as TRAINING_SCHEDULE

from .form_agreement import find_refused_form
from .forward.probe import Forward
from .forward.schedule import MatchedReading, try_build_diffuser
from .interface.conventions import StepNumbering
from .network.paths import InputPaths
from .network.probe import Network
from .precision_agreement import find_refused_precision
from .repairs import Repairs, criterion_of_training, training_failure
from .sampler.probe import RecoveredSampler
from .short_training.background import BackgroundTraining
from .short_training.image_data import VALIDATION_BATCHES
from .short_training.outcome import TrainingOutcome
from .short_training.plan import TrainingPlan, plan_training
from .trainer.recording import RecordedTraining
from .trainer.run import record_custom_encoding, record_training
from .trainer.setup import SCHEDULE as RECORDING_SCHEDULE
from .trainer.unannounced import find_contradiction, sized


def try_fixture(request: pytest.FixtureRequest, name: str) -> Any:
    """Return a fixture's value, or None where the student's part does not work."""
    try:
        return request.getfixturevalue(name)
    except (StudentError, Unmet, Blocked, NeedsReview, Skipped):
        return None


@pytest.fixture(scope="session")
def recorded_training(
    request: pytest.FixtureRequest,
    student: Student,
    need: Callable[[str], None],
    repairs: Repairs,
    seeded: Seeded,
    usable_reading: MatchedReading | None,
    numbering: StepNumbering,
    judge: Judge,
    reporter: Reporter,
) -> RecordedTraining:
    """A run of the student's ``train`` on test doubles of all its arguments."""
    need("train")
    reading = usable_reading.as_returned if usable_reading else PAPER
    forward: Forward | None = try_fixture(request, "forward")
    convention = forward.convention if forward else None
    layouts = [convention.layout] if convention and convention.layout.noise is not None else []

    recorded: list[RecordedTraining] = []

    def record(worker: Student) -> RecordedTraining:
        fallback = try_build_diffuser(worker, judge, RECORDING_SCHEDULE)
        recorded.append(record_training(worker, reading, fallback, seeded("training"), numbering, layouts))
        return recorded[-1]

    training = repairs.ask("train", record, lambda _: criterion_of_training(recorded[0]), training_failure)
    record_custom_encoding(
        student, training, lambda: try_build_diffuser(student, judge, TRAINING_SCHEDULE), seeded("telling")
    )
    if found := find_contradiction(student, training, judge, seeded("training, unannounced")):
        raise NeedsReview(
            f"Your train contradicts itself: in a run of two short epochs it is right, but {found}. A TA has "
            "to look at it."
        )
    reporter.convention("train", training.convention())
    return training


@pytest.fixture(scope="session")
def contradiction_at_full_size(
    request: pytest.FixtureRequest,
    student: Student,
    judge: Judge,
    training_plan: TrainingPlan,
    seeded: Seeded,
) -> Callable[[], str | None]:
    """Asks how the student's ``train`` fails in a run of the short training's size; None if it does not."""

    def ask() -> str | None:
        if not training_plan.own_trainer:
            return None
        settings, generator = judge.rubric.settings["training"], seeded("training, full size")
        size = sized(
            settings["epochs"][0], settings["batches"], VALIDATION_BATCHES, settings["batch_size"], generator
        )
        training = request.getfixturevalue("recorded_training")
        return find_contradiction(student, training, judge, generator, size)

    return ask


@pytest.fixture(scope="session")
def refused_precision(request: pytest.FixtureRequest, student: Student, seeded: Seeded) -> Unmet | None:
    """The precision of the student's noise_diffusion if the student's own network does not accept it."""
    network: Network | None = try_fixture(request, "network")
    training: RecordedTraining | None = try_fixture(request, "recorded_training")
    forward: Forward | None = try_fixture(request, "forward")
    if network is None or training is None or forward is None or isinstance(network.output, str):
        return None
    return find_refused_precision(student, network, training, forward, lambda: seeded("precision"))


@pytest.fixture(scope="session")
def weights(request: pytest.FixtureRequest) -> Weights:
    """The weights that the network computes with; none where it fails."""
    paths: InputPaths | None = try_fixture(request, "input_paths")
    return paths.weights if paths else Weights()


@pytest.fixture(scope="session")
def refused_form(request: pytest.FixtureRequest, student: Student) -> Unmet | None:
    """The form of t that the student's sampler passes if the student's own network does not accept it."""
    network: Network | None = try_fixture(request, "network")
    training: RecordedTraining | None = try_fixture(request, "recorded_training")
    sampling: RecoveredSampler | None = try_fixture(request, "recovered_sampler")
    if network is None or training is None or sampling is None or isinstance(network.output, str):
        return None
    return find_refused_form(student, network, training, sampling)


@pytest.fixture(scope="session")
def training_plan(
    request: pytest.FixtureRequest, judge: Judge, usable_reading: MatchedReading | None
) -> TrainingPlan:
    """The parts of the student's that work well enough to train with."""
    if judge.request["quick"]:
        raise Skipped("it needs a training, which --quick skips.")
    return plan_training(
        network=try_fixture(request, "network"),
        paths=try_fixture(request, "input_paths"),
        training=try_fixture(request, "recorded_training"),
        usable_reading=usable_reading,
        forward=request.getfixturevalue("forward") if usable_reading else None,
        refused=bool(try_fixture(request, "refused_precision")),
    )


@pytest.fixture(scope="session")
def background_training(
    training_plan: TrainingPlan, student: Student, judge: Judge, reporter: Reporter
) -> Iterator[BackgroundTraining]:
    """The short training, running in a worker of its own while other checks are made."""
    with BackgroundTraining(judge, student, training_plan, reporter) as training:
        yield training


@pytest.fixture(scope="session", autouse=True)
def _start_training_early(request: pytest.FixtureRequest, judge: Judge) -> None:
    """Start the training with the first check; if it cannot start, the checks that need it report why."""
    if {"train.learns", "sample.quality"} & set(judge.selected()) and not judge.request["quick"]:
        with suppress(Exception):
            request.getfixturevalue("background_training")


@pytest.fixture(scope="session")
def training_outcome(
    background_training: BackgroundTraining, training_plan: TrainingPlan, reporter: Reporter
) -> TrainingOutcome:
    """The result of the short training."""
    outcome = background_training.result()
    if outcome.trained.out_of_time:
        reporter.note(
            f"The short training ran out of time and was stopped after {outcome.trained.steps} steps."
        )
    network = () if outcome.trained.is_own else ("network",)
    if replaced := " and ".join(dict.fromkeys([*network, *training_plan.replaced])):
        reporter.note(
            f"The short training used the reference's {replaced}, because yours cannot be used as it is."
        )
    return outcome
