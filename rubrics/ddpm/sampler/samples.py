"""Which step a sampler is at, and the samples in what it returns."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class StepDecoder:
    """Tells which step, 0 to T − 1, the network is asked at, from whatever it is told."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._told: list[float] = []

    def of(self, t: Tensor) -> int:
        """The step itself where it is whole; else, as for t/T, by the order of what was told, last first."""
        told = t.flatten()[0].item()
        if told not in self._told:
            self._told.append(told)
        if self._told[0] == self._total:  # it counts from 1
            told -= 1
        scaled = told != int(told) or (told == 1 and self._told[0] <= 1)
        if scaled or not 0 <= told < self._total:
            return max(0, self._total - 1 - self._told.index(t.flatten()[0].item()) % self._total)
        return int(told)


def as_samples(value: Any, shape: tuple[int, ...]) -> Tensor | None:
    """The samples in what a sampler returned: a tensor of as many numbers, or the last such in a list of
    steps.
    """
    if isinstance(value, Tensor):
        count = torch.Size(shape).numel()
        return value.float().reshape(shape) if value.numel() == count and value.is_floating_point() else None
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return None
    inner = [found for item in value if (found := as_samples(item, shape)) is not None]
    if inner:
        return (
            inner[0] if isinstance(value, tuple) else inner[-1]
        )  # (samples, history), or a list of all steps
    tensors = [item for item in value if isinstance(item, Tensor)]
    together = torch.cat([item.flatten() for item in tensors]) if tensors else torch.zeros(0)
    return as_samples(together, shape) if len(tensors) == len(value) and value else None
