"""Flatten what a student's function returned into numbers that can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

KEPT = 120  # values of a long result, beside its mean and its root mean square


def flat(value: Any) -> list[float]:
    """Return the numbers in a result in their order, of long ones a sample; texts and None are left out.

    Raises:
        TypeError: there are no numbers in it.
    """
    parts = [part.ravel() for part in arrays(value)]
    if not parts:
        raise TypeError(f"no numbers in {type(value).__name__}")
    numbers = np.concatenate(parts)
    if len(numbers) <= KEPT:
        return [float(number) for number in numbers]
    places = np.linspace(0, len(numbers) - 1, KEPT).round().astype(int)
    spread = [len(numbers), numbers.mean(), np.sqrt((numbers**2).mean())]
    return [float(number) for number in (*numbers[places], *spread[1:])]


def arrays(value: Any, depth: int = 0) -> Iterator[np.ndarray]:
    """Yield the numbers in a result as float64 arrays, in their order."""
    if isinstance(value, torch.Tensor):
        yield value.detach().cpu().double().numpy()
    elif isinstance(value, np.ndarray | np.generic | bool | int | float) and _is_numeric(value):
        yield np.asarray(value, dtype=np.float64)
    elif depth < 5:
        for item in _items(value):
            yield from arrays(item, depth + 1)


def _is_numeric(value: Any) -> bool:
    return bool(np.asarray(value).dtype.kind in "biuf")


def _items(value: Any) -> Iterator[Any]:
    """Yield what a container holds, in order."""
    if isinstance(value, str | bytes) or value is None or isinstance(value, torch.nn.Module):
        return
    if isinstance(value, Mapping):
        yield from value.values()
    elif dataclasses.is_dataclass(value):
        yield from (getattr(value, each.name) for each in dataclasses.fields(value))
    elif hasattr(value, "to_numpy"):
        yield value.to_numpy()
    elif isinstance(value, list | tuple) or hasattr(value, "__iter__"):
        yield from list(value)
    elif hasattr(value, "__dict__"):
        yield from vars(value).values()
