"""A short training ends with the first look that says enough. Looks change nothing and cost nobody points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.checks import Reporter
from grader.checks.randomness import streams
from grader.probes.training_budget import TrainingBudget, TrainingClock
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from grader.sandbox.zygote import Zygote
from reference.readings import PAPER
from rubrics.ddpm.interface.conventions import ReturnLayout, StepNumbering, TimestepEncoding
from rubrics.ddpm.network.probe import Network
from rubrics.ddpm.short_training import training as learning
from rubrics.ddpm.short_training.plan import TrainCalls
from rubrics.ddpm.short_training.reference_curve import ReferenceCurve
from rubrics.ddpm.short_training.trainers import (
    ImageData,
    TrainingSession,
    with_reference_trainer,
    with_students_trainer,
)
from rubrics.ddpm.short_training.training import ShortTraining, TrainingOutcome

BUDGET = TrainingBudget(stretches=[2, 4, 6], batches=50, batch_size=64, learning_rate=1e-3, seconds=600.0)
YARDSTICK = ReferenceCurve(steps=[100, 300, 600], held_out=[0.15, 0.07, 0.05], training=[], validation=[])
TOLERANCE = {"learns": 3.0, "learns_not": 4.0, "hopeless": 0.9, "learns_something": 0.85}
EVERY = [*range(100, 650, 50)]
FAILS = StudentError("RuntimeError", "the network cannot do that")


def _trained(
    monkeypatch: pytest.MonkeyPatch, errors: Sequence[Any], *, tripping: bool = False, most: int = 600
) -> tuple[TrainingOutcome, list[int]]:
    """What a training came to whose looks find these errors, and the steps at each look.

    Args:
        tripping: whether train fails when it is ended early.
        most: batches that train takes of each stretch, at most.
    """
    found, looks, closed = iter(errors), list[int](), list[int]()

    def lessons_of(*_: object) -> TrainingSession:
        lessons = TrainingSession(
            predict=lambda x, t: x, network=None, clock=TrainingClock(BUDGET, lambda done, total: None)
        )

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

    under_way = list[TrainingSession]()
    monkeypatch.setattr(ShortTraining, "_lessons", lessons_of)
    monkeypatch.setattr(learning, "held_out_error", look)
    images = torch.zeros(4, 1, 28, 28)
    training = ShortTraining(
        student=SimpleNamespace(close=lambda: closed.append(len(looks))),  # type: ignore[arg-type]
        plan=SimpleNamespace(reading=PAPER, form=None, charged=False),  # type: ignore[arg-type]
        data=ImageData(train=images, labels=torch.zeros(4), held_out=images, batch_size=64),
        reference_curve=YARDSTICK,
        budget=BUDGET,
        tolerance=TOLERANCE,
        seeded=streams(0),
        unknown=torch.Generator(),
        reporter=Reporter(say=lambda event: None),
    )
    what = training.learn()
    begun_anew = [n for n in range(1, len(looks)) if looks[n] < looks[n - 1]]
    assert closed == begun_anew  # in a worker that knows nothing of the first time
    return what, looks


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

def batches_seen(network):
    return network.layers[1].num_batches_tracked.item()

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
SMALL = TrainingBudget(stretches=[1, 3], batches=4, batch_size=8, learning_rate=1e-2, seconds=60.0)


def trained(
    zygote: Zygote, source: str, look: Callable[[TrainingSession], bool], *, by_reference: bool = False
) -> tuple[TrainingSession, Tensor, int]:
    """A training of a student's network with a look in between: what it predicts then, and how many batches
    its BatchNorm saw in training mode.

    Args:
        by_reference: whether the reference's ``train`` takes the place of the student's.
    """
    statement = {"source": source, "cell": 1, "line": 1, "flags": 0}
    with Student(zygote=zygote, source=WorkerSource(statements=[statement])) as student:
        handle = student.call("UNet", seed=0, keep=True)
        network = Network(handle=handle, form="long (B,)", output="", encoding=TimestepEncoding())
        images = torch.rand(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        data = ImageData(train=images, labels=torch.zeros(64), held_out=images[:16], batch_size=8)
        common = (
            PAPER,
            data.ordered(torch.Generator().manual_seed(1)),
            SMALL,
            torch.Generator().manual_seed(2),
            lambda done, total: None,
        )
        if by_reference:
            lessons = with_reference_trainer(student, network, *common)
        else:
            numbering = StepNumbering(0, frozenset())
            calls = TrainCalls(
                labels=True, numbering=numbering, answers=ReturnLayout(), telling=TimestepEncoding()
            )
            lessons = with_students_trainer(student, network, None, *common, calls)
        lessons.clock.look = lambda: look(lessons)
        for epochs in SMALL.stretches:
            lessons.train(epochs)
        seen = student.call("batches_seen", handle)
        return lessons, lessons.predict(images[:16], torch.arange(16)), seen


def never(_: TrainingSession) -> bool:
    return False


# Where a network's own names, or what it does on a change of its mode, could come in between.
ODD = {
    "plain": "",
    "with an attribute that has the name of a method of torch's": """
class UNet(UNet):
    def __init__(self):
        super().__init__()
        self.modules = [self.layers, self.frozen]
""",
    "with a scripted part": """
class UNet(UNet):
    def __init__(self):
        super().__init__()
        self.frozen = torch.jit.script(nn.Sequential(nn.Dropout(0.1), nn.Identity()))
""",
    "with averaged weights in eval mode": """
class UNet(UNet):
    def __init__(self):
        super().__init__()
        self.average = [parameter.detach().clone() for parameter in self.parameters()]
    def train(self, mode=True):
        if mode != self.training:
            for average, parameter in zip(self.average, self.parameters()):
                average[...], parameter.data = parameter.data.clone(), average.clone()
        return super().train(mode)
""",
}


@pytest.mark.parametrize("by_reference", [False, True], ids=["their train", "the reference's"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_looks_change_nothing(zygote: Zygote, odd: str, by_reference: bool) -> None:
    looked_at = list[int]()

    def look(lessons: TrainingSession) -> bool:
        lessons.predict(torch.ones(4, 1, 28, 28), torch.arange(4))
        looked_at.append(lessons.steps)
        return False

    without, expected, seen = trained(zygote, CURIOUS + odd, never, by_reference=by_reference)
    looked, predicted, _ = trained(zygote, CURIOUS + odd, look, by_reference=by_reference)
    assert looked_at == [8, 12]
    assert torch.equal(predicted, expected)
    assert looked.losses == without.losses
    assert seen == 16  # all of them in training mode


def test_a_training_that_is_ended_early_keeps_the_losses_of_its_whole_epochs(zygote: Zygote) -> None:
    whole, *_ = trained(zygote, CURIOUS, never)
    ended, *_ = trained(zygote, CURIOUS, lambda lessons: lessons.steps == 8)
    assert ended.steps == 8
    assert [len(losses) for losses in whole.losses] == [4]
    assert ended.losses == [whole.losses[0][:2]]


def test_who_ends_epochs_without_being_told_keeps_all_losses(zygote: Zygote) -> None:
    source = CURIOUS.replace("total += loss.item()", "total += loss.item()\n            break")
    lessons, *_ = trained(zygote, source, never)
    assert [len(losses) for losses in lessons.losses] == [4]


def test_who_fetches_batches_in_a_thread_is_not_looked_at_meanwhile(zygote: Zygote) -> None:
    """The network may be in use then."""
    fetch = """
from concurrent.futures import ThreadPoolExecutor
def _fetch(loader):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(list, loader).result()
"""
    source = fetch + CURIOUS.replace("in train_loader:", "in _fetch(train_loader):")
    lessons, *_ = trained(zygote, source, lambda lessons: True)
    assert lessons.steps == 16
    assert not lessons.clock.decided
