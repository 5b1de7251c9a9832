"""Find the reference curve for a training's data.

For the embedded digits it ships with the rubric. For other images the reference is trained once, and the
curve is cached for all notebooks.
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

from . import image_data, measured, reference_curve
from .image_data import ImageData
from .reference_curve import ReferenceCurve

SEED = 0  # of the reference's training; the same for all notebooks, so that they share one curve


def reference_curve_for(
    name: str,
    data: ImageData,
    reading: Reading,
    budget: TrainingBudget,
    on_progress: Callable[[int, int], None],
) -> ReferenceCurve:
    """Return the reference curve on ``data`` under ``reading``.

    Args:
        name: name or folder of the data.
        on_progress: called with the numbers of finished and of all epochs if the reference has to be trained.
    """
    if name == "digits":
        return reference_curve.from_calibration(reading)

    def make() -> dict[str, Any]:
        return asdict(reference_curve.measure(reading, data, budget, SEED, on_progress))

    cached = DiskCache("yardsticks").get(_key(reading, budget, data), make)
    assert cached is not None
    return ReferenceCurve(**cached)


def _key(reading: Reading, budget: TrainingBudget, data: ImageData) -> str:
    """Return a digest of everything the measurement depends on: images, budget, PyTorch, and this code."""
    parts = [torch.__version__, measured.key(reading), asdict(budget), data.digest]
    digest = hashlib.sha256(json.dumps(parts).encode())
    # A changed reference, order of batches or measurement must not find a curve of the old one.
    code = [
        *Path(reference.__path__[0]).glob("*.py"),
        *Path(__file__).parent.glob("reference_curve*.py"),
        Path(image_data.__file__),
    ]
    for path in sorted(code):
        digest.update(path.read_bytes())
    return digest.hexdigest()
