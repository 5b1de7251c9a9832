"""Turn what a check measured into JSON data for the result's field ``measured``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MOST_NUMBERS = 4096  # of one entry; of a larger tensor only its shape and summary are kept
_DIGITS = 6


def as_data(value: Any) -> Any:
    """Return tensors, numbers, text, and lists and tables of them as JSON data.

    Numbers keep six significant digits. NaN and infinities become None, for which JSON has no number. No
    answer of a student's, however large, fills the result: a tensor of more than ``MOST_NUMBERS`` elements
    becomes its shape, mean, minimum and maximum, and longer lists and texts are cut off.

    Raises:
        TypeError: the value is of another kind.
    """
    if hasattr(value, "tolist"):
        return _tensor(value)
    match value:
        case None | bool():
            return value
        case str():
            return value[:MOST_NUMBERS]
        case int():
            return value if abs(value) < 1 << 53 else None
        case float():
            return _rounded(value)
        case Mapping():
            return {str(name): as_data(item) for name, item in value.items()}
        case list() | tuple():
            return [as_data(item) for item in value[:MOST_NUMBERS]]
    raise TypeError(f"a {type(value).__name__} cannot be recorded as measured")


def _tensor(value: Any) -> Any:
    if math.prod(value.shape) <= MOST_NUMBERS:
        return as_data(value.tolist())
    numbers = value.double() if hasattr(value, "double") else value
    summary = {"mean": numbers.mean(), "minimum": numbers.min(), "maximum": numbers.max()}
    return {"shape": list(value.shape)} | {name: as_data(float(each)) for name, each in summary.items()}


def _rounded(number: float) -> float | None:
    return float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None
