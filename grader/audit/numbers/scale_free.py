"""How lists of numbers change, whatever their scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from grader.audit.numbers.flat import arrays


def courses(returned: Any) -> list[np.ndarray]:
    """Return the course of each list of numbers in a result: each number as a multiple of the first one.

    Lists of one length may be the columns of a table or its rows, so both scales are left out. Signs stay.
    """
    lists = [each for each in _lists(returned) if each.size]
    if len(lists) > 1 and len({len(each) for each in lists}) == 1:
        rows = [each / each[0] for each in lists]
        return [
            part for each, row in zip(lists, rows, strict=True) for part in (row / rows[0], np.sign(each))
        ]
    return [part for each in lists for part in (each / each[0], np.sign(each))]


def _lists(value: Any) -> Iterator[np.ndarray]:
    """Yield the lists of numbers in a nested value."""
    items = list(value.values()) if isinstance(value, Mapping) else value
    plain = [_number(each) for each in items] if isinstance(items, list | tuple) else []
    numbers = [each for each in plain if each is not None]
    if numbers and len(numbers) == len(plain):
        yield np.array(numbers)
    elif isinstance(items, list | tuple):
        for item in items:
            yield from _lists(item)
    else:
        yield from (each.ravel() for each in arrays(items))


def _number(value: Any) -> float | None:
    """Return a number, also from a tensor or an array of one; else None."""
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return float(value) if value.ndim == 0 else None
    return float(value) if isinstance(value, int | float) else None
