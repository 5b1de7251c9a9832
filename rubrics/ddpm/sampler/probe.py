"""Run a student's sampler on a probe network and recover what it computes at every step.

The probe network aims at a known image: at every step it samples an x* with pixels in (0.2, 0.8) and answers
with the noise that would have turned x* into x_t. The implied x_0 therefore never leaves [0, 1], and samplers
that clip their estimate of x_0 never have to.

Common random numbers: the sampler runs twice with the same seed in fresh workers, so both runs add the same z
at every step, while x_T and the network's answers differ. In the difference of the two runs z cancels, and
two unknown coefficients remain (see ``recovery``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from grader.probes.doubles import RecordedEvent
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.readings import PAPER, ReadingDiffuser

from ..interface import signatures
from ..interface.conventions import StepNumbering
from ..interface.doubles import DiffuserDouble, NetworkDouble
from .calls import merge_calls, samples_denoised, timestep_of, without_repeats
from .recovery import SamplerStep, recover_step
from .samples import StepDecoder, as_samples
from .setup import ANNOUNCED, COUNT, SHAPE, STEPS, Setup

Limits = tuple[float, float]
_LIMITS: tuple[Limits, ...] = ((-1, 1), (0, 1), (-2, 2), (-3, 3))  # those that notebooks clamp to
BuildFallback = Callable[[Student], Handle | None]  # the student's own diffuser, for more attributes
ARGUMENTS = ("x_t", "model", "num_samples", "total_timesteps", "diffuser", "device")


@dataclass(slots=True, kw_only=True)
class SamplerRun:
    """One run of the sampler on the probe network.

    Attributes:
        start: x_T as passed to the sampler, float (COUNT, 1, 28, 28).
        calls: the network calls in order, each for the whole batch.
        missing_attributes: attributes of the diffuser that the sampler reads and the handout does not have.
        result: the returned samples, shaped like ``start``; None if the returned value holds none.
        returned: the returned value, unchanged.
        attached: whether the result is attached to an autograd graph.
        denoised: how many samples the network is called for; ``calls`` repeats them where some are missing.
        error: why the sampler did not finish.
        stale_variables: notebook variables that were set to an argument for this run, with its name.
        undefined: names that nothing in the notebook defines.
    """

    start: Tensor
    calls: list[RecordedEvent] = field(default_factory=list)
    missing_attributes: list[str] = field(default_factory=list)
    result: Tensor | None = None
    returned: Any = None
    attached: bool = False
    denoised: int = COUNT
    error: StudentError | None = None
    stale_variables: Mapping[str, str] = field(default_factory=dict)
    undefined: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredSampler:
    """A sampler's two runs and its recovered steps.

    Attributes:
        first, second: the runs, with the same seed and different inputs.
        updates: the steps that could be recovered, in the order taken.
        clamp: limits within which the sampler uses the network's answers; None if it takes them as they are.
        count_refused: how it fails for another number of samples than ten; None if it does not.
    """

    first: SamplerRun
    second: SamplerRun
    updates: tuple[SamplerStep, ...]
    clamp: Limits | None = None
    count_refused: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images that the sampler works with."""
        height, width = _shape_of_images(self.first)[-2:] if self.first.calls else SHAPE[-2:]
        return height, width

    def convention(self) -> str:
        """Describe how ``generate_samples`` calls the network."""
        calls = [call for call in self.first.calls if call.t is not None]
        timesteps = [timestep_of(call) for call in calls]
        if not timesteps:
            return "does not call the network"
        form = calls[0].form or "one for each"
        return f"passes t to the network as {form}, from {timesteps[0]:g} to {timesteps[-1]:g}"


def recover(
    student: Student,
    fallback: BuildFallback,
    generator: torch.Generator,
    numbering: StepNumbering = StepNumbering(),  # noqa: B008  it is frozen
) -> RecoveredSampler:
    """Run ``generate_samples`` twice on the probe network, in fresh workers, and recover every step.

    Args:
        fallback: builds the student's own diffuser in a worker.
        generator: source of x_T and of the network's answers.
        numbering: how the student counts the timesteps.
    """
    first, second = (run_in_fresh_worker(student, fallback, generator, numbering) for _ in range(2))
    signatures.raise_if_not_installed(first.error)
    stale = signatures.stale_variables(student, "generate_samples", ARGUMENTS)
    if stale and (first.error or len(first.calls) != STEPS):
        # It may fail only because it reads, say, the notebook's T in place of total_timesteps. Set such
        # variables to the arguments and try again, so that this mistake hides no other.
        runs = [run_in_fresh_worker(student, fallback, generator, numbering, stale) for _ in range(2)]
        if runs[0].error is None and len(runs[0].calls) == STEPS:
            first, second = runs
    updates, clamp = updates_of(first, second), None
    if not are_explained(updates):
        for limits in _LIMITS:
            clamped = updates_of(*(_with_clamped_answers(run, limits) for run in (first, second)))
            if are_explained(clamped):
                updates, clamp = clamped, limits
                break
    return RecoveredSampler(first=first, second=second, updates=tuple(updates), clamp=clamp)


def are_explained(updates: Sequence[SamplerStep]) -> bool:
    """Return whether most steps are weighted sums of x_t, the predicted noise and new noise.

    Single precision leaves 1e-5 of a step unexplained, and 5e-4 where both runs start from the same noise; a
    standardised x_t leaves 3e-3, a clamped prediction 2e-2.
    """
    return not updates or bool(torch.tensor([update.unexplained for update in updates]).median() <= 1e-3)


def _with_clamped_answers(run: SamplerRun, limits: Limits) -> SamplerRun:
    calls = [
        replace(call, output=call.output.clamp(*limits)) if call.output is not None else call
        for call in run.calls
    ]
    return replace(run, calls=calls)


def updates_of(first: SamplerRun, second: SamplerRun) -> list[SamplerStep]:
    """Recover the steps of two runs with the same z, as far as their images are finite."""
    updates = []
    states = [_states(run) for run in (first, second)]
    for number in range(min(len(first.calls), len(second.calls))):
        before = [run[number] for run in states]
        after = [run[number + 1] if number + 1 < len(run) else None for run in states]
        if any(image is not None and not image.isfinite().all() for image in (*before, *after)):
            break  # least squares accept no NaN, and no later step turns it into a number again
        if after[0] is not None and after[1] is not None:
            calls = first.calls[number], second.calls[number]
            updates.append(recover_step(*calls, after[0], after[1], _shape_of_images(first)))
    return updates


def run_in_fresh_worker(
    student: Student,
    fallback: BuildFallback,
    generator: torch.Generator,
    numbering: StepNumbering,
    variables: Mapping[str, str] | None = None,
    setup: Setup = ANNOUNCED,
) -> SamplerRun:
    """Run the sampler once on the probe network; ``fallback`` builds the diffuser of the setup's schedule."""
    with student.fresh() as fresh:
        run = _run(fresh, fallback(fresh), generator, numbering, variables, setup)
    run.stale_variables, run.undefined = variables or {}, student.source.never_defined
    return run


def _run(
    student: Student,
    fallback: Handle | None,
    generator: torch.Generator,
    numbering: StepNumbering,
    variables: Mapping[str, str] | None,
    setup: Setup,
) -> SamplerRun:
    reference = ReadingDiffuser(**setup.schedule, reading=PAPER)
    log: list[RecordedEvent] = []
    run = SamplerRun(start=torch.randn(setup.shape, generator=generator))
    steps = StepDecoder(setup.steps)

    def respond(x: Tensor, t: Tensor) -> Tensor:
        if log and _same_call(log[-1], x, t):
            assert log[-1].output is not None
            return log[-1].output  # a network gives the same answer to the same question
        alpha_bar = reference.alpha_bar[steps.of(t)]
        target = 0.2 + 0.6 * torch.rand(x.shape, generator=generator)  # x*: a new one at every step
        return (x - alpha_bar.sqrt() * target) / (1 - alpha_bar).sqrt()  # eq. (4), solved for the noise

    arguments = {
        "x_t": run.start,
        "model": NetworkDouble(log, respond, max_images=3 * setup.steps * setup.count),
        "num_samples": setup.count,
        "total_timesteps": setup.steps,
        "diffuser": DiffuserDouble(log, reference, fallback, generator, numbering=numbering),
        "device": CURRENT_DEVICE,
    }
    try:
        reply = signatures.reply(
            student,
            "generate_samples",
            arguments,
            constructor_arguments=setup.schedule,
            variables=variables,
            seed=student.seed + 11,  # the same in both runs: z is too
            timeout=120.0,
        )
        run.returned, run.attached = reply["value"], reply["attached"]
        run.result = as_samples(reply["value"], setup.shape)
    except StudentError as error:
        run.error = error
    calls = without_repeats([event for event in log if event.kind == "forward"])
    run.denoised = samples_denoised(calls, setup)
    run.calls = merge_calls(calls, setup)
    run.missing_attributes = [event.name for event in log if event.kind == "missing"]
    return run


def _same_call(event: RecordedEvent, x: Tensor, t: Tensor) -> bool:
    if event.kind != "forward" or event.x is None or event.t is None:
        return False
    return torch.equal(event.x, x.float()) and torch.equal(event.t, t)


def _shape_of_images(run: SamplerRun) -> tuple[int, ...]:
    """Return the shape of the images that the sampler works with; another size loses its points as such."""
    x = run.calls[-1].x
    usual = tuple(run.start.shape)
    is_usual = x is None or x.ndim != len(usual) or x.numel() == run.start.numel()
    return usual if is_usual or x is None else tuple(x.shape)


def _states(run: SamplerRun) -> list[Tensor | None]:
    """Return x_T, ..., x_1 as passed to the network, then the result."""
    return [call.x for call in run.calls] + [run.result]
