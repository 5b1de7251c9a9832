"""Short trainings are kept, for every notebook with the same code to train."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grader.checks.cache import DiskCache
from grader.checks.isolated_work import packed, unpacked
from grader.sandbox.values import StudentError
from reference.evaluation import held_out_probe
from reference.pretrained import SCHEDULE
from reference.readings import ReadingDiffuser

from .trainers import Predict, predictor
from .training import ShortTraining, TrainedNetwork, TrainingOutcome

MOST_BYTES = 32 << 20  # of weights: a network of eight million parameters
_ECHO = 8  # images by whose predictions a network is known again


def learn_or_recall(training: ShortTraining, key: str) -> TrainingOutcome:
    """What the training comes to: as it is kept, or else done now and kept.

    Args:
        key: a digest of all that it depends on.

    Raises:
        StudentError, Blocked: as ``ShortTraining.learn``; such a training is not kept.
    """
    made: list[TrainingOutcome] = []

    def make() -> dict[str, Any] | None:
        made.append(training.learn())
        try:
            return _as_json(training, made[0])
        except (StudentError, RuntimeError):  # of what is asked only to keep it
            return None

    kept = DiskCache("trainings").get(key, make)
    if made:
        return made[0]
    assert kept is not None
    if recalled := _recalled(training, kept):
        return recalled
    training.student.close()  # so that it begins in a worker that knows nothing, as every training does
    return training.learn()


def _as_json(training: ShortTraining, learning: TrainingOutcome) -> dict[str, Any] | None:
    """A training as it is kept; None for one that the clock had a say in, or whose network is too large. Nor
    is one that came to nothing: should chance have had a part in that, it is to have another.
    """
    trained, weights = learning.trained, learning.trained.weights
    if not learning.learnt or trained.out_of_time:
        return None
    if trained.is_own and (weights is None or len(weights) > MOST_BYTES):
        return None
    return {
        "error": learning.error,
        "limited": learning.limited,
        "compared": learning.compared,
        "steps": trained.steps,
        "losses": trained.losses,
        "is_own": trained.is_own,
        "weights": packed(weights) if weights is not None else None,
        "echo": _echo(training, trained.predict) if trained.is_own else None,
        "notices": list(training.student.notices),
    }


def _recalled(training: ShortTraining, kept: Mapping[str, Any]) -> TrainingOutcome | None:
    """The training that was kept; None if its network, built anew, does not answer as it did then: what it
    has learnt is not all in its weights.
    """
    weights: Tensor | None = None
    predict: Predict = _not_kept
    if kept["is_own"]:
        weights = unpacked(kept["weights"], torch.uint8)
        try:
            network = training.network()
            training.student.ask("weights", network.handle, content=weights)
            predict = predictor(training.student, network)
            if _echo(training, predict) != kept["echo"]:
                return None
        except StudentError:
            return None
    training.student.notices.update(dict.fromkeys(kept["notices"]))
    trained = TrainedNetwork(
        is_own=kept["is_own"],
        reading=training.plan.reading,
        steps=kept["steps"],
        out_of_time=False,
        losses=kept["losses"],
        predict=predict,
        weights=weights,
    )
    return training.judged(trained, error=kept["error"], limited=kept["limited"], compared=kept["compared"])


def _not_kept(x: Tensor, steps: Tensor) -> Tensor:
    raise StudentError("Died", "the network that took the place of yours was not kept")


def _echo(training: ShortTraining, predict: Predict) -> str:
    """What a network answers to a few noisy images, to the last bit."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=training.plan.reading)
    probe = held_out_probe(diffuser, training.data.held_out[:_ECHO], torch.Generator().manual_seed(0))
    answer = predict(probe.x_t, probe.t.flatten().long())
    return hashlib.sha256(str(tuple(answer.shape)).encode() + answer.float().numpy().tobytes()).hexdigest()
