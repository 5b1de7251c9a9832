"""Recovers what a student's sampler does at every step: the coefficients of x_t and of the predicted noise,
and sigma.

The probe network knows where it wants to lead: at every step it draws an image x* in (0.2, 0.8) and answers
with the noise that would have made x_t out of it, so that samplers that clip their guess of x_0 never have
to. Two runs with one seed draw the same z; in their difference it cancels, and two factors remain to be
solved for. With them, what is left of one run is sigma times z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.pretrained import ScheduleArguments
from reference.readings import PAPER, ReadingDiffuser

from ..interface import signatures
from ..interface.conventions import StepNumbering
from ..interface.doubles import DiffuserDouble, NetworkDouble, RecordedEvent
from .samples import StepDecoder, as_samples

Fallback = Callable[[Student], Handle | None]  # gives a student's own diffuser, for what the handout lacks
STEPS = 50
SCHEDULE: ScheduleArguments = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": STEPS}
COUNT = 10
ARGUMENTS = ("x_t", "model", "num_samples", "total_timesteps", "diffuser", "device")
SHAPE = (COUNT, 1, 28, 28)


@dataclass(slots=True, kw_only=True)
class SamplerRun:
    """One run of the sampler on the probe network.

    Attributes:
        start: x_T as it was given.
        calls: the network's calls, in order, each for the whole batch.
        result: what came back, shaped like ``start``; None where it cannot be.
        returned: what came back, as it came.
        attached: whether the result hangs on an autograd graph.
        error: why the sampler did not come to its end.
        stale: the notebook's variables that had to be set to arguments, with those arguments.
    """

    start: Tensor
    calls: list[RecordedEvent] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    result: Tensor | None = None
    returned: Any = None
    attached: bool = False
    error: StudentError | None = None
    stale: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerStep:
    """What one step does: x_{t-1} = of_x · x_t + of_noise · ε + sigma · z.

    Attributes:
        t: the step that the network was told.
        of_x, of_noise: the recovered factors, with their standard errors.
        stray: share of the two runs' difference that they leave unexplained.
        size: greatest value in x_t; float32 leaves no noise to be seen beside very large ones.
        z: what is left of the first run, (N, 1, 28, 28): sigma times z.
    """

    t: float
    of_x: float
    of_noise: float
    error_x: float
    error_noise: float
    stray: float
    size: float
    z: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredSampler:
    """The recovered sampler; ``updates`` are the steps that could be solved for, in the order taken."""

    first: SamplerRun
    second: SamplerRun
    updates: tuple[SamplerStep, ...]
    last_known: bool  # whether the last update, into the result, is among them

    def convention(self) -> str:
        """How ``generate_samples`` calls the network, in words."""
        calls = [call for call in self.first.calls if call.t is not None]
        told = [_told(call) for call in calls]
        if not told:
            return "does not ask the network"
        return f"tells the network t as {calls[0].form or 'one for each'}, from {told[0]:g} to {told[-1]:g}"


def recover(
    student: Student,
    fallback: Fallback,
    generator: torch.Generator,
    numbering: StepNumbering = StepNumbering(),  # noqa: B008  it is frozen
) -> RecoveredSampler:
    """Run ``generate_samples`` twice on the probe network, in fresh workers, and solve for every step."""
    first, second = (_run_afresh(student, fallback, generator, numbering) for _ in range(2))
    signatures.raise_if_not_installed(first.error)
    stale = signatures.stale_variables(student, "generate_samples", ARGUMENTS)
    if stale and (first.error or len(first.calls) != STEPS):
        runs = [_run_afresh(student, fallback, generator, numbering, stale) for _ in range(2)]
        if runs[0].error is None and len(runs[0].calls) == STEPS:
            first, second = runs
    updates = []
    states = [_states(run) for run in (first, second)]
    for number in range(min(len(first.calls), len(second.calls))):
        after = [run[number + 1] if number + 1 < len(run) else None for run in states]
        if after[0] is not None and after[1] is not None:
            updates.append(_solve(first.calls[number], second.calls[number], after[0], after[1]))
    whole = len(updates) == len(first.calls) and bool(updates)
    return RecoveredSampler(first=first, second=second, updates=tuple(updates), last_known=whole)


def _run_afresh(
    student: Student,
    fallback: Fallback,
    generator: torch.Generator,
    numbering: StepNumbering,
    variables: Mapping[str, str] | None = None,
) -> SamplerRun:
    with student.fresh() as one:
        run = _run(one, fallback(one), generator, numbering, variables)
    run.stale = variables or {}
    return run


def _run(
    student: Student,
    fallback: Handle | None,
    generator: torch.Generator,
    numbering: StepNumbering,
    variables: Mapping[str, str] | None,
) -> SamplerRun:
    reference = ReadingDiffuser(**SCHEDULE, reading=PAPER)
    log: list[RecordedEvent] = []
    run = SamplerRun(start=torch.randn(SHAPE, generator=generator))
    steps = StepDecoder(STEPS)

    def respond(x: Tensor, t: Tensor) -> Tensor:
        alpha_bar = reference.alpha_bar[steps.of(t)]
        wanted = 0.2 + 0.6 * torch.rand(x.shape, generator=generator)
        return (x - alpha_bar.sqrt() * wanted) / (1 - alpha_bar).sqrt()

    arguments = {
        "x_t": run.start,
        "model": NetworkDouble(log, respond, max_images=3 * STEPS * COUNT),
        "num_samples": COUNT,
        "total_timesteps": STEPS,
        "diffuser": DiffuserDouble(log, reference, fallback, generator, numbering=numbering),
        "device": CURRENT_DEVICE,
    }
    try:
        reply = signatures.reply(
            student,
            "generate_samples",
            arguments,
            constructor_arguments=SCHEDULE,
            variables=variables,
            seed=student.seed + 11,
            timeout=120.0,
        )
        run.returned, run.attached = reply["value"], reply["attached"]
        run.result = as_samples(reply["value"], SHAPE)
    except StudentError as error:
        run.error = error
    run.calls = _whole_batches([event for event in log if event.kind == "forward"])
    run.missing = [event.name for event in log if event.kind == "missing"]
    return run


def _whole_batches(calls: list[RecordedEvent]) -> list[RecordedEvent]:
    """The calls, where samples were made in chunks, or one after another, put together as if made at once."""
    if all(_size(call) == COUNT for call in calls):
        return calls
    chunks: list[list[RecordedEvent]] = []
    for call in calls:  # chunks of one step follow each other
        if chunks and sum(map(_size, chunks[-1])) < COUNT and _told(chunks[-1][0]) == _told(call):
            chunks[-1].append(call)
        else:
            chunks.append([call])
    if not all(sum(map(_size, chunk)) == COUNT for chunk in chunks):
        chunks = _one_after_another(calls)
    return [_together(chunk) for chunk in chunks]


def _one_after_another(calls: list[RecordedEvent]) -> list[list[RecordedEvent]]:
    """Whole runs over all steps that follow each other, side by side; none if that comes out uneven."""
    for groups in range(2, COUNT + 1):
        length, left_over = divmod(len(calls), groups)
        if not length or left_over:
            continue
        runs = [calls[start : start + length] for start in range(0, len(calls), length)]
        even = all(len({_size(call) for call in run}) == 1 for run in runs)
        if even and sum(_size(run[0]) for run in runs) == COUNT:
            return [list(side_by_side) for side_by_side in zip(*runs, strict=True)]
    return []


def _together(chunk: list[RecordedEvent]) -> RecordedEvent:
    x = torch.cat([call.x for call in chunk if call.x is not None])
    answer = torch.cat([call.output for call in chunk if call.output is not None])
    return RecordedEvent(
        kind="forward", x=x, output=answer, t=chunk[0].t, grad=any(call.grad for call in chunk)
    )


def _size(call: RecordedEvent) -> int:
    return 0 if call.x is None else len(call.x)


def _told(call: RecordedEvent) -> float | None:
    return None if call.t is None else call.t.flatten()[0].item()


def _states(run: SamplerRun) -> list[Tensor | None]:
    """x_T, …, x_1 as the network was shown them, and the result."""
    return [call.x for call in run.calls] + [run.result]


def _solve(first: RecordedEvent, second: RecordedEvent, after: Tensor, after_second: Tensor) -> SamplerStep:
    """The two factors of one step, by least squares over pixels that no clamp has touched."""
    xs = [event.x.double().flatten() for event in (first, second) if event.x is not None]
    noises = [event.output.double().flatten() for event in (first, second) if event.output is not None]
    results = [after.double().flatten(), after_second.double().flatten()]
    t = first.t.flatten()[0].item() if first.t is not None else float("nan")
    if len({len(values) for values in (*xs, *noises, *results)}) != 1:
        nothing = float("nan")
        return SamplerStep(
            t=t,
            of_x=nothing,
            of_noise=nothing,
            error_x=0,
            error_noise=0,
            stray=1.0,
            size=0.0,
            z=torch.zeros(SHAPE),
        )
    free = ~(_at_a_limit(results[0]) | _at_a_limit(results[1]))
    matrix = torch.stack([(xs[0] - xs[1])[free], (noises[0] - noises[1])[free]], dim=1)
    change = (results[0] - results[1])[free]
    factors = torch.linalg.lstsq(matrix, change[:, None], driver="gelsd").solution[:, 0]
    rest = change - matrix @ factors
    scatter = rest.square().sum() / max(len(rest) - 2, 1)
    covariance = scatter * torch.linalg.pinv(matrix.T @ matrix)
    z = results[0] - factors[0] * xs[0] - factors[1] * noises[0]
    return SamplerStep(
        t=t,
        of_x=factors[0].item(),
        of_noise=factors[1].item(),
        error_x=_error(covariance[0, 0], matrix[:, 0]),
        error_noise=_error(covariance[1, 1], matrix[:, 1]),
        size=xs[0].abs().max().item(),
        stray=(rest.norm() / change.norm().clamp_min(1e-30)).item(),
        z=torch.where(free, z, torch.nan).reshape(SHAPE),
    )


def _error(variance: Tensor, column: Tensor) -> float:
    """The standard error of a factor; infinite where both runs had the same, so that nothing is known."""
    return variance.clamp_min(0).sqrt().item() if column.norm() > 1e-6 else float("inf")


def _at_a_limit(values: Tensor) -> Tensor:
    """Pixels at the least or the greatest value, where many share it: the work of a clamp."""
    cut = torch.zeros_like(values, dtype=torch.bool)
    for limit in (values.min(), values.max()):
        same = values == limit
        cut |= same & (same.sum() > 3)
    return cut
