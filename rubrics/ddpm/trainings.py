"""Short trainings are kept: the same code under the same circumstances comes to the same numbers, whoever
handed it in and whatever else is in the notebook.

For that to be exact, a training has a worker to itself that is given nothing but what the trained parts need,
and its random numbers come from a seed of this code, not of the notebook.
"""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grader.checks.plugin import Judge
from grader.kept import Shelf
from grader.sameness import digest
from grader.sandbox.student import Student
from grader.sandbox.terms import StudentError
from grader.version import grader_version
from reference.evaluation import held_out_probe
from reference.pretrained import SCHEDULE
from reference.readings import ReadingDiffuser

from .budget import Budget
from .learning import Learning, ShortTraining, Trained
from .plan import Plan
from .probe_learning import Data, Predict, predictor

MOST_BYTES = 32 << 20  # of weights: a network of eight million parameters
_ECHO = 8  # images by whose predictions a network is known again


def key(judge: Judge, student: Student, plan: Plan, data: Data, budget: Budget) -> str:
    """A digest of all that a training depends on but its seed."""
    everything = {
        "code": digest(student.source.statements, student.source.modules),
        "names": sorted(student.source.names.items()),
        "plan": plan.as_json(),
        "images": [data.digest, student.data is not None],
        "budget": asdict(budget),
        "rubric": judge.rubric.digest,
        "grader": grader_version(),
        "machine": [platform.python_version(), torch.__version__, _processor()],
        "device": [student.device, student.threads],
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def learn(training: ShortTraining, key: str, *, reuse: bool) -> Learning:
    """What the training comes to: as it is kept, or else done now and kept.

    On a GPU sums are not taken in the same order every time, so nothing is kept that was trained there.

    Args:
        key: of the training, with its seed.
        reuse: whether a training that is kept may be taken.

    Raises:
        StudentError, Blocked: as ``ShortTraining.learn``; such a training is not kept.
    """
    if not reuse or training.student.device != "cpu":
        return training.learn()
    made: list[Learning] = []

    def make() -> dict[str, Any] | None:
        made.append(training.learn())
        return _as_json(training, made[0])

    kept = Shelf("trainings").get(key, make)
    if made:
        return made[0]
    assert kept is not None
    if recalled := _recalled(training, kept):
        return recalled
    training.student.close()  # so that it begins in a worker that knows nothing, as every training does
    return training.learn()


def _as_json(training: ShortTraining, learning: Learning) -> dict[str, Any] | None:
    """A training as it is kept; None for one that the clock had a say in, or whose network is too large."""
    trained, weights = learning.trained, learning.trained.weights
    if trained.out_of_time or (trained.is_own and (weights is None or len(weights) > MOST_BYTES)):
        return None
    return {
        "error": learning.error,
        "limited": learning.limited,
        "compared": learning.compared,
        "steps": trained.steps,
        "losses": trained.losses,
        "is_own": trained.is_own,
        "weights": base64.b64encode(weights.numpy().tobytes()).decode() if weights is not None else None,
        "echo": _echo(training, trained.predict) if trained.is_own else None,
        "notices": list(training.student.notices),
    }


def _recalled(training: ShortTraining, kept: Mapping[str, Any]) -> Learning | None:
    """The training that was kept; None if its network, built anew, does not answer as it did then: what it
    has learnt is not all in its weights.
    """
    weights: Tensor | None = None
    predict: Predict = _not_kept
    if kept["is_own"]:
        weights = torch.frombuffer(bytearray(base64.b64decode(kept["weights"])), dtype=torch.uint8)
        try:
            network = training.network()
            training.student.ask("weights", network.handle, content=weights)
            predict = predictor(training.student, network)
            if _echo(training, predict) != kept["echo"]:
                return None
        except StudentError:
            return None
    training.student.notices.update(dict.fromkeys(kept["notices"]))
    trained = Trained(
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


def _processor() -> list[str]:
    """The processor's model, and the instructions that PyTorch uses of it: others round otherwise."""
    models = [platform.processor() or platform.machine()]
    with suppress(OSError):
        models += [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return [*sorted(set(models)), torch.backends.cpu.get_cpu_capability()]
