"""Decode what a sampler passes to the network and what it returns: timesteps and samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class StepDecoder:
    """Decodes the timestep, 0 to T - 1, from whatever number a sampler passes to the network.

    Args:
        total: T.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen: list[float] = []  # distinct numbers, in order of appearance

    def of(self, t: Tensor) -> int:
        """Return the timestep: the number itself if it is an integer, else its position in the countdown.

        Scaled timesteps such as t/T are decoded by position: the first distinct number is T - 1, the next
        T - 2, and so on.
        """
        passed = value = t.flatten()[0].item()
        if passed not in self._seen:
            self._seen.append(passed)
        if self._seen[0] == self._total:  # the sampler counts from 1
            value -= 1
        # 1.0 is ambiguous: timestep 1, or t/T at the very start.
        scaled = value != int(value) or (value == 1 and self._seen[0] <= 1)
        if scaled or not 0 <= value < self._total:
            return max(0, self._total - 1 - self._seen.index(passed) % self._total)
        return int(value)


def as_samples(value: Any, shape: tuple[int, ...]) -> Tensor | None:
    """Find the samples in what a sampler returned and return them as float ``shape``; None if there are none.

    A tensor counts if it has the right number of elements. Of a tuple such as (samples, history) the first
    match counts, of a list (the images of all steps) or a dictionary the last. A list of single images is
    joined.
    """
    if isinstance(value, Tensor):
        count = torch.Size(shape).numel()
        return value.float().reshape(shape) if value.numel() == count and value.is_floating_point() else None
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return None
    matches = [found for item in value if (found := as_samples(item, shape)) is not None]
    if matches:
        return matches[0] if isinstance(value, tuple) else matches[-1]
    tensors = [item for item in value if isinstance(item, Tensor)]
    joined = torch.cat([item.flatten() for item in tensors]) if tensors else torch.zeros(0)
    return as_samples(joined, shape) if len(tensors) == len(value) and value else None
