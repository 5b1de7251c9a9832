"""What the reference reaches, as ``rubrics.ddpm.calibration.measure_reference`` measured it."""

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
    """The file's content; ``calibrate`` says what its fields are."""
    data: dict[str, Any] = json.loads(FILE.read_text())
    return data


@cache
def reference_samples() -> list[Tensor]:
    """The reference's samples from the handout's seeds, float (N, 1, 28, 28) each, as bytes hold them."""
    with np.load(SAMPLES, allow_pickle=False) as arrays:
        return [torch.from_numpy(samples).float() / 255 for samples in arrays["samples"]]


def key(reading: Reading) -> str:
    """The name under which a reading was measured: scaled and unscaled noise are different tasks for a
    network.
    """
    return f"{reading.id}, {'scaled' if reading.returns_scaled_noise else 'unscaled'}"
