"""A short training ends with the first look that says enough; how often it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from grader.checks import Talk
from reference.readings import PAPER
from rubrics.ddpm import learning
from rubrics.ddpm.budget import Budget, Clock
from rubrics.ddpm.learning import Learning, ShortTraining
from rubrics.ddpm.probe_learning import Data, Lessons
from rubrics.ddpm.randomness import streams
from rubrics.ddpm.yardstick import Yardstick

BUDGET = Budget(stretches=[2, 4, 6], batches=50, batch_size=64, learning_rate=1e-3, seconds=600.0)
YARDSTICK = Yardstick(steps=[100, 300, 600], held_out=[0.15, 0.07, 0.05], training=[], validation=[])
TOLERANCE = {"learns": 3.0, "learns_not": 4.0, "hopeless": 0.9, "learns_something": 0.85}


def _trained(
    monkeypatch: pytest.MonkeyPatch, errors: Sequence[float], *, seamless: bool
) -> tuple[Learning, list[int]]:
    """What a training came to whose looks find these errors, and the epochs before each look."""
    found, epochs = iter(errors), list[int]()
    clock = Clock(BUDGET, lambda done, total: None)
    lessons = Lessons(predict=lambda x, t: x, network=None, clock=clock, seamless=seamless)

    def train(more: int) -> None:
        epochs.append(more)
        clock.steps += more * BUDGET.batches

    lessons.train = train
    monkeypatch.setattr(ShortTraining, "_lessons", lambda self, network: lessons)
    monkeypatch.setattr(learning, "held_out_error", lambda *_: (next(found), False))
    images = torch.zeros(4, 1, 28, 28)
    training = ShortTraining(
        student=None,  # type: ignore[arg-type]
        plan=SimpleNamespace(reading=PAPER, form=None, charged=False),  # type: ignore[arg-type]
        data=Data(train=images, labels=torch.zeros(4), held_out=images, batch_size=64),
        yardstick=YARDSTICK,
        budget=BUDGET,
        tolerance=TOLERANCE,
        seeded=streams(0),
        unknown=torch.Generator(),
        talk=Talk(say=lambda event: None),
    )
    return training.learn(), epochs


CASES: list[tuple[Any, ...]] = [
    ("learnt at once", [0.2], True, [2], True),
    ("learnt between, where looks are free", [0.5, 0.3, 0.2], True, [2, 1, 1], True),
    ("learnt between, where each look begins anew", [0.5, 0.2], False, [2, 4], True),
    ("learnt by the extension", [0.5] * 5 + [0.14], True, [2, 1, 1, 1, 1, 6], True),
    ("never learnt", [0.5] * 5 + [0.25], True, [2, 1, 1, 1, 1, 6], False),
    ("never learnt, with fewer looks", [0.5, 0.5, 0.25], False, [2, 4, 6], False),
    ("beyond hope, which is not said before the promised budget", [1.0] * 5, True, [2, 1, 1, 1, 1], False),
]


@pytest.mark.parametrize(
    ("errors", "seamless", "looks", "learnt"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_training_ends_when_it_is_decided(
    monkeypatch: pytest.MonkeyPatch, errors: Sequence[float], seamless: bool, looks: list[int], learnt: bool
) -> None:
    found, epochs = _trained(monkeypatch, errors, seamless=seamless)
    assert epochs == looks
    assert found.learnt is learnt
    assert found.trained.steps == sum(looks) * BUDGET.batches
    assert found.compared == max(300, found.trained.steps)  # of less than was promised nobody makes a bound
