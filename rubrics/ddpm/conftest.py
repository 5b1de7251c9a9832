"""Fixtures of the checks: the student's parts, each probed once.

An expectation that is unmet while a fixture is built blocks the checks that use it, so a check lists its
prerequisites as parameters. What one part of the student's needs of another is looked up by ``try_fixture``
instead: the reference replaces a part that does not work, so that a mistake is charged once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from grader.checks import Blocked, NeedsReview, Reporter
from grader.checks.randomness import Seeded
from grader.checks.session import Judge
from grader.errors import UsageError
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, ServedDataset
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.schedule import ScheduleArguments

from .forward.probe import Forward
from .forward.schedule import (
    PROBE,
    MatchedReading,
    StudentSchedule,
    build_diffuser,
    is_usable,
    match_reading,
    read_schedule,
    try_build_right_diffuser,
)
from .forward.unannounced import find_contradiction as find_forward_contradiction
from .interface.conventions import StepNumbering
from .network.paths import InputPaths, trace_input_paths
from .network.probe import Network, probe_network, rebuild
from .repairs import (  # noqa: F401  pytest finds fixtures and hooks among a conftest's names
    Repairs,
    criterion_of_forward,
    criterion_of_schedule,
    network_failure,
    pytest_runtest_call,
    repairs_fixture,
    sampler_failure,
)
from .sample_quality.generator import OWN_COUNT, SampleGenerator, draw_start, sample_in_new_worker
from .sample_quality.own_weights import add_own_weights
from .sample_quality.quality import Quality, add_own_samples, judge_network, judge_sampler
from .sampler import probe as probe_sampler
from .sampler.noise import correct_parts
from .sampler.probe import RecoveredSampler
from .sampler.start import ignores_start
from .sampler.unannounced import find_contradiction
from .short_training.outcome import TrainingOutcome
from .step_numbering import recover_forward
from .timestep_agreement import Disagreement, find_disagreement
from .trainer.recording import RecordedTraining
from .training_fixtures import (  # noqa: F401  pytest finds fixtures among a conftest's names
    _start_training_early,
    background_training,
    contradiction_at_full_size,
    recorded_training,
    refused_form,
    refused_precision,
    training_outcome,
    training_plan,
    try_fixture,
    weights,
)


@pytest.fixture(scope="session")
def student_data(judge: Judge) -> ServedDataset:
    """Training images and labels of the data in use, which torchvision's MNIST serves in the worker."""
    try:
        return ServedDataset("MNIST", *digits.load(judge.request["data"], "train"))
    except digits.DataError as error:
        raise UsageError(str(error)) from error


@pytest.fixture(scope="session")
def reference_diffuser() -> NoiseDiffuser:
    """The reference's schedule with the probes' arguments."""
    return NoiseDiffuser(**PROBE)


@pytest.fixture(scope="session")
def diffuser(student: Student, need: Callable[[str], None], repairs: Repairs) -> Handle:
    """The student's NoiseDiffuser, built with the probes' schedule arguments."""
    need("NoiseDiffuser")
    return repairs.ask(
        "NoiseDiffuser", lambda worker: build_diffuser(worker, **PROBE), criterion_of_schedule(student)
    )


@pytest.fixture(scope="session")
def schedule(student: Student, diffuser: Handle, reporter: Reporter) -> StudentSchedule:
    """The betas, alphas and alpha_bar of the student's diffuser."""
    return read_schedule(student, diffuser, PROBE["total_steps"], reporter)


@pytest.fixture(scope="session")
def forward(
    student: Student,
    repairs: Repairs,
    schedule: StudentSchedule,
    reference_diffuser: NoiseDiffuser,
    seeded: Seeded,
    reporter: Reporter,
) -> Forward:
    """The student's forward process, recovered at every step.

    Wrong curves of its schedule are replaced by the reference's first: the schedule lost its points already.
    """
    seed = seeded("forward").initial_seed()
    forward, replaced = repairs.ask(
        "NoiseDiffuser",
        lambda worker: recover_forward(worker, schedule, reference_diffuser, seed),
        criterion_of_forward,
    )
    reporter.convention("noise_diffusion", str(forward.convention))
    if replaced and not torch.isfinite(forward.image).all():
        raise Blocked(
            "noise_diffusion computes no finite values with your schedule, which already lost its points."
        )
    for note in forward.convention.notes():
        reporter.note(note)
    matched = match_reading(forward, schedule, reference_diffuser)
    if found := find_forward_contradiction(student, forward, matched, seeded("forward, unannounced")):
        raise NeedsReview(
            f"Your noise_diffusion contradicts itself: with the sanity check's schedule it is right, but "
            f"{found}. A TA has to look at it."
        )
    return forward


@pytest.fixture(scope="session")
def numbering(request: pytest.FixtureRequest, reporter: Reporter) -> StepNumbering:
    """Numbering of the student's steps: from 0 or from 1, with or without a padded schedule."""
    forward, schedule = try_fixture(request, "forward"), try_fixture(request, "schedule")
    found = StepNumbering(
        forward.convention.first if forward else 0, schedule.padded if schedule else frozenset()
    )
    reporter.convention("Steps", f"counted {found}")
    return found


@pytest.fixture(scope="session")
def reading_match(
    forward: Forward, schedule: StudentSchedule, reference_diffuser: NoiseDiffuser
) -> MatchedReading:
    """The formulation that the student's forward process follows."""
    return match_reading(forward, schedule, reference_diffuser)


@pytest.fixture(scope="session")
def usable_reading(
    request: pytest.FixtureRequest, reference_diffuser: NoiseDiffuser
) -> MatchedReading | None:
    """The formulation of the student's forward process if training can rely on it.

    None means that the reference's forward process is used instead.
    """
    matched: MatchedReading | None = try_fixture(request, "reading_match")
    if matched is None:
        return None
    forward, schedule = request.getfixturevalue("forward"), request.getfixturevalue("schedule")
    return matched if is_usable(forward, matched, schedule, reference_diffuser) else None


@pytest.fixture(scope="session")
def network(repairs: Repairs, need: Callable[[str], None], seeded: Seeded, reporter: Reporter) -> Network:
    """The student's UNet(1, 1), with the output of one call."""
    need("UNet")
    network = repairs.ask(
        "UNet",
        lambda worker: probe_network(worker, 1, seeded("network"), reporter),
        lambda _: "unet.shape_1ch",
        network_failure,
    )
    reporter.convention("UNet", f"t as {network.form}")
    return network


@pytest.fixture(scope="session")
def input_paths(
    student: Student, network: Network, seeded: Seeded, student_data: ServedDataset
) -> InputPaths:
    """The resolutions through which the network's output depends on its input."""
    return trace_input_paths(student, network, seeded("paths"), student_data.images)


@pytest.fixture(scope="session")
def recovered_sampler(
    student: Student,
    repairs: Repairs,
    need: Callable[[str], None],
    seeded: Seeded,
    judge: Judge,
    numbering: StepNumbering,
    reporter: Reporter,
    request: pytest.FixtureRequest,
    reference_diffuser: NoiseDiffuser,
) -> RecoveredSampler:
    """The student's sampler, recovered at every step; wrong curves lost their points already."""
    need("generate_samples")

    def build(fresh: Student, arguments: ScheduleArguments = PROBE) -> Handle | None:
        return try_build_right_diffuser(fresh, judge, arguments)

    found = repairs.ask(
        "generate_samples",
        lambda worker: probe_sampler.recover(worker, build, seeded("sampling"), numbering),
        lambda _: "sample.order",
        sampler_failure,
    )
    if all(correct_parts(found, reference_diffuser).values()):
        contradiction = find_contradiction(student, found, build, seeded, numbering)
        if contradiction and not contradiction.of_count:
            raise NeedsReview(
                "Your generate_samples contradicts itself: with the sanity check's schedule it is right, but "
                f"{contradiction.sentence}. A TA has to look at it."
            )
        found = replace(found, count_refused=contradiction.sentence if contradiction else None)
    reporter.convention("generate_samples", found.convention())
    if found.first.missing_attributes:
        names = ", ".join(sorted(set(found.first.missing_attributes)))
        reporter.note(
            f"generate_samples uses {names} of the diffuser, which the handout does not have; yours was used."
        )
    return found


@pytest.fixture(scope="session")
def disagreement(request: pytest.FixtureRequest, student: Student, seeded: Seeded) -> Disagreement | None:
    """Timesteps that the student's train and sampler pass differently to the network; None if they agree."""
    training: RecordedTraining | None = try_fixture(request, "recorded_training")
    sampling: RecoveredSampler | None = try_fixture(request, "recovered_sampler")
    if training is None or sampling is None:
        return None
    return find_disagreement(student, training, sampling, lambda: seeded("agreement"))


@pytest.fixture
def quality(
    request: pytest.FixtureRequest,
    student: Student,
    judge: Judge,
    recovered_sampler: RecoveredSampler,
    reference_diffuser: NoiseDiffuser,
    reporter: Reporter,
    seeded: Seeded,
) -> Quality:
    """Samples from the handout's seeds, made with the student's parts that work."""
    settings = judge.rubric.settings

    def own_network() -> Network:
        return rebuild(student, request.getfixturevalue("network"), reporter)

    sample_generator = SampleGenerator(
        student=student,
        seeds=settings["sample_seeds"],
        count=settings["samples_per_seed"],
        fallback=None,
        reporter=reporter,
        numbering=request.getfixturevalue("numbering"),
        size=recovered_sampler.size,
    )
    height, width = recovered_sampler.size
    if min(height, width) < 28:
        raise Blocked(f"Samples of {height} x {width} cannot be compared with digits of 28 x 28.")
    correct = correct_parts(recovered_sampler, reference_diffuser)
    if not any(correct.values()):
        raise Blocked("Your sampler does not work yet, so it makes no samples to judge.")
    if not all(correct.values()):
        return judge_network(sample_generator, request.getfixturevalue("training_outcome"))
    own_seed, own_noise = draw_start(
        seeded("samples"), sample_generator.count if recovered_sampler.count_refused else OWN_COUNT
    )
    sample = partial(sample_in_new_worker, judge, replace(sample_generator, starts={own_seed: own_noise}))
    quality = judge_sampler(
        sample_generator.seeds,
        sample,
        settings["tolerance"],
        own_seed,
        ignores_start=ignores_start(recovered_sampler.first),
    )
    if not judge.request["quick"]:
        outcome: TrainingOutcome | None = try_fixture(request, "training_outcome")
        if outcome and outcome.trained.is_own:
            add_own_samples(quality, sample_generator, outcome.trained, own_network())
    if judge.request["weights"] and try_fixture(request, "network"):
        add_own_weights(quality, sample_generator, own_network(), Path(judge.request["weights"]))
    return quality
