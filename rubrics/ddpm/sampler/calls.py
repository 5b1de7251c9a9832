"""Merge network calls that cover part of the batch into one call per step."""

from __future__ import annotations

from dataclasses import replace

import torch

from grader.probes.answers import joined
from grader.probes.doubles import RecordedEvent

from .setup import ANNOUNCED, Setup


def merge_calls(calls: list[RecordedEvent], setup: Setup = ANNOUNCED) -> list[RecordedEvent]:
    """Return calls for the whole batch, also where a sampler works in chunks or sample by sample.

    Calls that cannot be merged, such as those for images of other sizes, are left out.
    """
    if all(_size(call) == setup.count for call in calls):
        return calls
    if samples_denoised(calls, setup) < setup.count:
        return [_tiled(call, setup.count) for call in calls]
    chunks: list[list[RecordedEvent]] = []
    for call in calls:  # the chunks of one step are adjacent if the loop over steps is the outer one
        if (
            chunks
            and sum(map(_size, chunks[-1])) < setup.count
            and timestep_of(chunks[-1][0]) == timestep_of(call)
        ):
            chunks[-1].append(call)
        else:
            chunks.append([call])
    if not all(sum(map(_size, chunk)) == setup.count for chunk in chunks):
        chunks = _chunks_of_successive_runs(calls, setup.count)
    return [merged for chunk in chunks if (merged := _merged(chunk))]


def samples_denoised(calls: list[RecordedEvent], setup: Setup = ANNOUNCED) -> int:
    """Return how many samples a sampler denoises: fewer than asked for if each step has one call of fewer."""
    sizes, steps = {_size(call) for call in calls}, {timestep_of(call) for call in calls}
    one_per_step = len(calls) == len(steps) == setup.steps and len(sizes) == 1
    size = sizes.pop() if one_per_step else 0
    return size if size and setup.count % size == 0 else setup.count


def _tiled(call: RecordedEvent, count: int) -> RecordedEvent:
    """Return a call for as many samples as asked for, by repeating its own."""
    assert call.x is not None
    assert call.output is not None
    times = (count // len(call.x), 1, 1, 1)
    return replace(call, x=call.x.repeat(times), output=call.output.repeat(times))


def without_repeats(calls: list[RecordedEvent]) -> list[RecordedEvent]:
    """Drop calls with the same image and timestep as the call before: the double answers them alike."""
    return [
        call for number, call in enumerate(calls) if not number or not _is_repeated(call, calls[number - 1])
    ]


def _is_repeated(call: RecordedEvent, before: RecordedEvent) -> bool:
    if call.x is None or before.x is None or call.t is None or before.t is None:
        return False
    return torch.equal(call.x, before.x) and torch.equal(call.t, before.t)


def timestep_of(call: RecordedEvent) -> float | None:
    """Return the first timestep that a call was given; None if it had none."""
    return None if call.t is None else call.t.flatten()[0].item()


def _chunks_of_successive_runs(calls: list[RecordedEvent], count: int) -> list[list[RecordedEvent]]:
    """Group calls by step where the loop over chunks is the outer one; return [] if they cannot be grouped.

    Such a sampler runs over all steps for some samples, then over all steps for the next ones.
    """
    for groups in range(2, count + 1):
        length, left_over = divmod(len(calls), groups)
        if not length or left_over:
            continue
        runs = [calls[start : start + length] for start in range(0, len(calls), length)]
        even = all(len({_size(call) for call in run}) == 1 for run in runs)
        if even and sum(_size(run[0]) for run in runs) == count:
            return [list(same_step) for same_step in zip(*runs, strict=True)]
    return []


def _merged(chunk: list[RecordedEvent]) -> RecordedEvent | None:
    x = joined([call.x for call in chunk if call.x is not None])
    output = joined([call.output for call in chunk if call.output is not None])
    if x is None or output is None:
        return None
    return RecordedEvent(
        kind="forward", x=x, output=output, t=chunk[0].t, grad=any(call.grad for call in chunk)
    )


def _size(call: RecordedEvent) -> int:
    return 0 if call.x is None else len(call.x)
