"""What the reference reaches, as ``python -m rubrics.ddpm.calibrate`` measured it: what students are compared with."""

from __future__ import annotations

import json
from bisect import bisect_left
from functools import cache
from pathlib import Path
from typing import Any

from reference.readings import Reading

FILE = Path(__file__).parent / "calibration.json"


@cache
def measured() -> dict[str, Any]:
    """The file's content; ``calibrate`` says what its fields are."""
    data: dict[str, Any] = json.loads(FILE.read_text())
    return data


def key(reading: Reading) -> str:
    """The name under which a reading was measured: scaled and unscaled noise are different tasks for a network."""
    return f"{reading.id}, {'scaled' if reading.returns_scaled_noise else 'unscaled'}"


def held_out_error(reading: Reading, steps: int) -> float:
    """The reference's mean held-out error after so many steps under a reading, on the embedded digits."""
    return _at(steps, measured()["readings"][key(reading)]["held_out"])


def short_training_distance(reading: Reading, steps: int) -> float:
    """Mean energy distance to real digits of the reference's samples after so many steps under a reading."""
    return _at(steps, measured()["readings"][key(reading)]["samples"])


def _at(steps: int, curve: list[dict[str, float]]) -> float:
    """The mean of a measured curve at a step, straight lines between what was measured."""
    at = [int(row["steps"]) for row in curve]
    index = min(bisect_left(at, steps), len(curve) - 1)
    if index == 0 or steps >= at[index]:
        return curve[index]["mean"]
    before, after = curve[index - 1], curve[index]
    share = (steps - at[index - 1]) / (at[index] - at[index - 1])
    return before["mean"] + share * (after["mean"] - before["mean"])
