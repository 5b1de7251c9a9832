"""Cache of short trainings, shared by all notebooks whose code trains the same.

Sharing is exact, not approximate. The cache key is a digest of everything a training depends on: the code
that takes part (without comments or names of locals), its conventions, the images, the budget, the rubric,
the grader, the versions and the processor. Each training has a worker of its own that sees nothing else of
the notebook, and its seed is derived from the key, so a repeated training gives the same numbers bit for bit.
Not cached are trainings that failed or that the clock influenced. A network that keeps state outside its
weights is recognized by its predictions when it is loaded, and trained again. ``IsolatedWork.reuse`` says
where a cached training may be used at all: on the CPU, under the full sandbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grader.checks.cache import DiskCache
from grader.checks.isolated_work import decode_tensor, encode_tensor
from grader.sandbox.values import StudentError
from reference.evaluation import held_out_probe
from reference.pretrained import SCHEDULE
from reference.readings import ReadingDiffuser

from .image_data import Predict
from .trainers import predictor
from .training import ShortTraining, TrainedNetwork, TrainingOutcome

MAX_WEIGHT_BYTES = 32 << 20  # a network of eight million parameters
_FINGERPRINT_IMAGES = 8


def train_or_load(training: ShortTraining, key: str) -> TrainingOutcome:
    """Return the cached outcome of a training, or run it and cache the outcome.

    Args:
        training: the training.
        key: digest of everything that it depends on.

    Raises:
        StudentError, Blocked: as ``ShortTraining.run``; such a training is not cached.
    """
    fresh: list[TrainingOutcome] = []

    def make() -> dict[str, Any] | None:
        fresh.append(training.run())
        try:
            return _as_json(training, fresh[0])
        except (StudentError, RuntimeError):  # raised by calls that only serve the cache
            return None

    cached = DiskCache("trainings").get(key, make)
    if fresh:
        return fresh[0]
    assert cached is not None
    if loaded := _loaded(training, cached):
        return loaded
    training.student.close()  # every training starts in a new worker
    return training.run()


def _as_json(training: ShortTraining, outcome: TrainingOutcome) -> dict[str, Any] | None:
    """Return an outcome as JSON; None if it must not be cached.

    Not cached are outcomes that the clock influenced, networks that are too large, and networks that did not
    learn: if chance played a part, the next attempt gets another one.
    """
    trained, weights = outcome.trained, outcome.trained.weights
    if not outcome.has_learned or trained.out_of_time:
        return None
    if trained.is_own and (weights is None or len(weights) > MAX_WEIGHT_BYTES):
        return None
    return {
        "error": outcome.error,
        "output_limited": outcome.output_limited,
        "compared_steps": outcome.compared_steps,
        "steps": trained.steps,
        "losses": trained.losses,
        "is_own": trained.is_own,
        "weights": encode_tensor(weights) if weights is not None else None,
        "fingerprint": _fingerprint(training, trained.predict) if trained.is_own else None,
        "notices": list(training.student.notices),
    }


def _loaded(training: ShortTraining, cached: Mapping[str, Any]) -> TrainingOutcome | None:
    """Return a cached outcome with the network rebuilt from its weights.

    Returns:
        None if the rebuilt network predicts something else than the trained one: then some of its state is
        not in the weights.
    """
    weights: Tensor | None = None
    predict: Predict = _not_cached
    if cached["is_own"]:
        weights = decode_tensor(cached["weights"], torch.uint8)
        try:
            network = training.network()
            training.student.ask("weights", network.handle, content=weights)
            predict = predictor(training.student, network)
            if _fingerprint(training, predict) != cached["fingerprint"]:
                return None
        except StudentError:
            return None
    training.student.notices.update(dict.fromkeys(cached["notices"]))
    trained = TrainedNetwork(
        is_own=cached["is_own"],
        reading=training.plan.reading,
        steps=cached["steps"],
        out_of_time=False,
        losses=cached["losses"],
        predict=predict,
        weights=weights,
    )
    return training.outcome(
        trained,
        error=cached["error"],
        output_limited=cached["output_limited"],
        compared_steps=cached["compared_steps"],
    )


def _not_cached(x: Tensor, steps: Tensor) -> Tensor:
    raise StudentError("Died", "the network that replaced yours was not kept")


def _fingerprint(training: ShortTraining, predict: Predict) -> str:
    """Return a digest of a network's predictions for a few noisy images, exact to the last bit."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=training.plan.reading)
    images = training.data.held_out[:_FINGERPRINT_IMAGES]
    probe = held_out_probe(diffuser, images, torch.Generator().manual_seed(0))
    predicted = predict(probe.x_t, probe.t.flatten().long())
    content = str(tuple(predicted.shape)).encode() + predicted.float().numpy().tobytes()
    return hashlib.sha256(content).hexdigest()
