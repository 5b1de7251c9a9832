"""Which yardstick a training is measured by. On the embedded digits it came with the rubric; on other images
the reference is trained once, and what it came to is kept in the user's cache for all notebooks that follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import reference
from grader.checks.cache import DiskCache
from grader.probes.training_budget import TrainingBudget
from reference.readings import Reading

from . import measured, reference_curve
from .reference_curve import ReferenceCurve
from .trainers import ImageData

SEED = 0  # of the reference's training; for all notebooks the same, as all are held against the same


def reference_curve_for(
    name: str, data: ImageData, reading: Reading, budget: TrainingBudget, tell: Callable[[int, int], None]
) -> ReferenceCurve:
    """What the reference comes to on ``data`` under ``reading``.

    Args:
        name: of the data, or its folder.
        tell: hears how many epochs of how many are done.
    """
    if name == "digits":
        return reference_curve.from_calibration(reading)

    def make() -> dict[str, Any]:
        return asdict(reference_curve.measure(reading, data, budget, SEED, tell))

    kept = DiskCache("yardsticks").get(_key(reading, budget, data), make)
    assert kept is not None
    return ReferenceCurve(**kept)


def _key(reading: Reading, budget: TrainingBudget, data: ImageData) -> str:
    """Changes with all that the measurement depends on: images, budget, this code, PyTorch."""
    parts = [torch.__version__, measured.key(reading), asdict(budget), data.digest]
    digest = hashlib.sha256(json.dumps(parts).encode())
    code = [*Path(reference.__path__[0]).glob("*.py"), *Path(__file__).parent.glob("reference_curve*.py")]
    for path in sorted(code):
        digest.update(path.read_bytes())
    return digest.hexdigest()
