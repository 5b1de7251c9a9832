"""A short training ends with the first look that says enough. Looks change nothing and cost nobody points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.checks import Talk
from grader.sandbox.launch import Nursery
from grader.sandbox.source import Source
from grader.sandbox.student import Student
from grader.sandbox.terms import StudentError
from reference.readings import PAPER
from rubrics.ddpm import learning
from rubrics.ddpm.budget import Budget, Clock
from rubrics.ddpm.conventions import Answers, Numbering, Telling
from rubrics.ddpm.learning import Learning, ShortTraining
from rubrics.ddpm.plan import Calls
from rubrics.ddpm.probe_learning import Data, Lessons, with_students_trainer
from rubrics.ddpm.probe_network import Network
from rubrics.ddpm.randomness import streams
from rubrics.ddpm.yardstick import Yardstick

BUDGET = Budget(stretches=[2, 4, 6], batches=50, batch_size=64, learning_rate=1e-3, seconds=600.0)
YARDSTICK = Yardstick(steps=[100, 300, 600], held_out=[0.15, 0.07, 0.05], training=[], validation=[])
TOLERANCE = {"learns": 3.0, "learns_not": 4.0, "hopeless": 0.9, "learns_something": 0.85}
EVERY = [*range(100, 650, 50)]
FAILS = StudentError("RuntimeError", "the network cannot do that")


def _trained(
    monkeypatch: pytest.MonkeyPatch, errors: Sequence[Any], *, tripping: bool = False, most: int = 600
) -> tuple[Learning, list[int]]:
    """What a training came to whose looks find these errors, and the steps at each look.

    Args:
        tripping: whether train fails when it is ended early.
        most: batches that train takes of each stretch, at most.
    """
    found, looks = iter(errors), list[int]()

    def lessons_of(*_: object) -> Lessons:
        lessons = Lessons(predict=lambda x, t: x, network=None, clock=Clock(BUDGET, lambda done, total: None))

        def train(epochs: int) -> None:
            for _ in range(min(epochs * BUDGET.batches, most)):
                if not lessons.clock.go_on():
                    if tripping:
                        raise StudentError("ZeroDivisionError", "division by zero")
                    return

        lessons.train = train
        under_way[:] = [lessons]
        return lessons

    def look(*_: object) -> tuple[float, bool]:
        looks.append(under_way[0].steps)
        error = next(found)
        if isinstance(error, Exception):
            raise error
        return error, False

    under_way = list[Lessons]()
    monkeypatch.setattr(ShortTraining, "_lessons", lessons_of)
    monkeypatch.setattr(learning, "held_out_error", look)
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
    return training.learn(), looks


CASES: list[tuple[Any, ...]] = [
    ("learnt at once", [0.2], [100], True, 300),
    ("learnt between, and still so at its end", [0.5, 0.3, 0.2, 0.2], [100, 150, 200, 200], True, 300),
    ("learnt by the extension", [0.5] * 6 + [0.14, 0.14], [*EVERY[:7], 400], True, 600),
    ("never learnt", [0.5] * 10 + [0.16], EVERY, False, 600),
    ("beyond hope, which is not said before the promised budget", [1.0] * 5, EVERY[:5], False, 300),
    ("a network that cannot be looked at between", [0.5, FAILS, 0.2, 0.2], [*EVERY[:3], 200], True, 300),
    (
        "learnt between, and undone by the end of train: anew, with all its batches",
        [0.5, 0.2, 0.5, 0.5, 0.2],
        [100, 150, 150, 100, 300],
        True,
        300,
    ),
]


@pytest.mark.parametrize(
    ("errors", "looks", "learnt", "compared"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_training_ends_when_it_is_decided(
    monkeypatch: pytest.MonkeyPatch, errors: Sequence[Any], looks: list[int], learnt: bool, compared: int
) -> None:
    found, looked = _trained(monkeypatch, errors)
    assert looked == looks
    assert found.learnt is learnt
    assert found.trained.steps == looks[-1]
    assert found.compared == compared  # of less than was promised nobody makes a bound


def test_who_trips_over_a_sudden_end_gets_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over nothing, say: the end is the grader's doing."""
    found, looked = _trained(monkeypatch, [0.5, 0.2, 0.5, 0.2], tripping=True)
    assert looked == [100, 150, 100, 300]
    assert found.learnt


def test_who_takes_less_than_was_offered_is_compared_with_as_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own early stopping, say."""
    found, looked = _trained(monkeypatch, [0.89] * 4 + [0.5], most=80)
    assert looked == [80, 150, 160, 200, 240]
    assert found.compared == 240
    assert not found.learnt


def test_a_failure_of_train_is_one_where_nobody_ended_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudentError, match="cannot do that"):
        _trained(monkeypatch, [FAILS])


# A network and a trainer that show whether anybody drew random numbers, or left them in another mode.
CURIOUS = """
import random
import numpy as np
import torch
from torch import nn

class UNet(nn.Module):
    def __init__(self, inputs=1, outputs=1):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.3))
        self.frozen, self.last = nn.Dropout(0.5), nn.Conv2d(4, 1, 3, padding=1)
    def forward(self, x, t):
        return self.last(self.frozen(self.layers(x)))

def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, steps):
    losses = []
    for _ in range(num_epochs):
        model.train()
        model.frozen.eval()
        total = 0.0
        for images, _ in train_loader:
            images = images + 0.1 * random.random() + 0.1 * np.random.rand()
            t = torch.randint(0, steps, (len(images),))
            x_t, noise = diffuser.noise_diffusion(images, t.tolist())
            optimizer.zero_grad()
            loss = criterion(model(x_t, t), noise)
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(train_loader))
    return losses
"""
SMALL = Budget(stretches=[1, 3], batches=4, batch_size=8, learning_rate=1e-2, seconds=60.0)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


Train = Callable[[Callable[[Lessons], bool]], tuple[Lessons, Tensor]]


@pytest.fixture
def train(nursery: Nursery) -> Iterator[Train]:
    """Trains a student's network with their ``train`` and a look in between; answers with its predictions."""
    statement = {"source": CURIOUS, "cell": 1, "line": 1, "flags": 0}
    with Student(nursery=nursery, source=Source(statements=[statement])) as student:

        def trained(look: Callable[[Lessons], bool]) -> tuple[Lessons, Tensor]:
            network = Network(
                handle=student.call("UNet", seed=0, keep=True), form="long (B,)", output="", told=Telling()
            )
            images = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
            data = Data(train=images, labels=torch.zeros(64), held_out=images[:16], batch_size=8)
            lessons = with_students_trainer(
                student,
                network,
                None,
                PAPER,
                data.ordered(torch.Generator().manual_seed(1)),
                SMALL,
                torch.Generator().manual_seed(2),
                lambda done, total: None,
                Calls(labels=True, numbering=Numbering(0, frozenset()), answers=Answers(), telling=Telling()),
            )
            lessons.clock.look = lambda: look(lessons)
            for epochs in SMALL.stretches:
                lessons.train(epochs)
            return lessons, lessons.predict(images[:16], torch.arange(16))

        yield trained


def test_looks_change_nothing(train: Train) -> None:
    looked_at = list[int]()

    def look(lessons: Lessons) -> bool:
        lessons.predict(torch.ones(4, 1, 28, 28), torch.arange(4))
        looked_at.append(lessons.steps)
        return False

    _, without = train(lambda lessons: False)
    lessons, with_looks = train(look)
    assert looked_at == [8, 12]
    assert torch.equal(with_looks, without)
    assert [len(losses) for losses in lessons.losses] == [4]


def test_a_training_that_is_ended_early_keeps_the_losses_of_its_whole_epochs(train: Train) -> None:
    whole, _ = train(lambda lessons: False)
    ended, _ = train(lambda lessons: lessons.steps == 8)
    assert ended.steps == 8
    assert ended.losses == [whole.losses[0][:2]]
