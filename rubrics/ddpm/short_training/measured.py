"""Calibration data of the reference, as ``rubrics.ddpm.calibration.measure_reference`` measured it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reference.readings import Reading

_FOLDER = Path(__file__).parents[1] / "calibration"
FILE = _FOLDER / "reference.json"
SAMPLES = _FOLDER / "reference_samples.npz"


@cache
def calibration() -> dict[str, Any]:
    """Return the content of ``reference.json``; ``measure_reference`` documents its fields."""
    data: dict[str, Any] = json.loads(FILE.read_text())
    return data


@cache
def reference_samples() -> list[Tensor]:
    """Return the reference's samples from each of the handout's seeds, float (N, 1, 28, 28) in [0, 1]."""
    with np.load(SAMPLES, allow_pickle=False) as arrays:
        return [torch.from_numpy(samples).float() / 255 for samples in arrays["samples"]]


def key(reading: Reading) -> str:
    """Return the key of a formulation in the calibration data.

    It includes whether the noise is returned scaled, since that changes what the network has to learn.
    """
    return f"{reading.id}, {'scaled' if reading.returns_scaled_noise else 'unscaled'}"
