"""A short training ends as soon as an evaluation decides it; evaluations change nothing in the training."""

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
from rubrics.ddpm.short_training import training as training_module
from rubrics.ddpm.short_training.image_data import HeldOutFinding, ImageData
from rubrics.ddpm.short_training.outcome import TrainingOutcome
from rubrics.ddpm.short_training.plan import TrainCalls
from rubrics.ddpm.short_training.reference_curve import ReferenceCurve
from rubrics.ddpm.short_training.trainers import (
    TrainingSession,
    start_with_reference_trainer,
    start_with_student_trainer,
)
from rubrics.ddpm.short_training.training import ShortTraining

BUDGET = TrainingBudget(stretches=[2, 4, 6], batches=50, batch_size=64, learning_rate=1e-3, seconds=600.0)
REFERENCE_CURVE = ReferenceCurve(
    steps=[100, 300, 600], held_out=[0.15, 0.07, 0.05], training=[], validation=[]
)
TOLERANCE = {"learns": 3.0, "learns_not": 4.0, "hopeless": 0.9, "learns_something": 0.85}
EVERY = [*range(100, 650, 50)]  # steps of all evaluations
FAILS = StudentError("RuntimeError", "the network cannot do that")


def _run(
    monkeypatch: pytest.MonkeyPatch,
    errors: Sequence[Any],
    *,
    fails_when_ended: bool = False,
    most_batches: int = 600,
) -> tuple[TrainingOutcome, list[int]]:
    """Run a training whose evaluations find these errors; return its outcome and the evaluated steps.

    Args:
        fails_when_ended: whether train raises an error when it is ended early.
        most_batches: largest number of batches that one call of train takes.
    """
    found, evaluated, closed = iter(errors), list[int](), list[int]()

    def new_session(*_: object) -> TrainingSession:
        session = TrainingSession(
            predict=lambda x, t: x, network=None, clock=TrainingClock(BUDGET, lambda done, total: None)
        )

        def train(epochs: int) -> None:
            for _ in range(min(epochs * BUDGET.batches, most_batches)):
                if not session.clock.go_on():
                    if fails_when_ended:
                        raise StudentError("ZeroDivisionError", "division by zero")
                    return

        session.train = train
        current[:] = [session]
        return session

    def evaluate(*_: object) -> HeldOutFinding:
        evaluated.append(current[0].steps)
        error = next(found)
        if isinstance(error, Exception):
            raise error
        return HeldOutFinding(error)

    current = list[TrainingSession]()
    monkeypatch.setattr(ShortTraining, "_new_session", new_session)
    monkeypatch.setattr(training_module, "held_out_error", evaluate)
    images = torch.zeros(4, 1, 28, 28)
    training = ShortTraining(
        student=SimpleNamespace(close=lambda: closed.append(len(evaluated))),  # type: ignore[arg-type]
        plan=SimpleNamespace(reading=PAPER, form=None, network_penalized=False),  # type: ignore[arg-type]
        data=ImageData(train=images, labels=torch.zeros(4), held_out=images, batch_size=64),
        reference_curve=REFERENCE_CURVE,
        budget=BUDGET,
        tolerance=TOLERANCE,
        seeded=streams(0),
        unknown=torch.Generator(),
        reporter=Reporter(emit=lambda event: None),
    )
    outcome = training.run()
    restarts = [n for n in range(1, len(evaluated)) if evaluated[n] < evaluated[n - 1]]
    assert closed == restarts  # a restart takes a new worker
    return outcome, evaluated


CASES: list[tuple[Any, ...]] = [
    ("learned at once", [0.2], [100], True, 300),
    (
        "learned within a call of train, and still so at its end",
        [0.5, 0.3, 0.2, 0.2],
        [100, 150, 200, 200],
        True,
        300,
    ),
    ("learned in the extension", [0.5] * 6 + [0.14, 0.14], [*EVERY[:7], 400], True, 600),
    ("never learned", [0.5] * 10 + [0.16], EVERY, False, 600),
    ("hopeless, which is not decided before the promised budget", [1.0] * 5, EVERY[:5], False, 300),
    (
        "a network that cannot be evaluated within a call",
        [0.5, FAILS, 0.2, 0.2],
        [*EVERY[:3], 200],
        True,
        300,
    ),
    (
        "learned within a call, but undone by the end of train: restarted, with all batches",
        [0.5, 0.2, 0.5, 0.5, 0.2],
        [100, 150, 150, 100, 300],
        True,
        300,
    ),
]


@pytest.mark.parametrize(
    ("errors", "steps", "has_learned", "compared"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_training_ends_when_it_is_decided(
    monkeypatch: pytest.MonkeyPatch, errors: Sequence[Any], steps: list[int], has_learned: bool, compared: int
) -> None:
    outcome, evaluated = _run(monkeypatch, errors)
    assert evaluated == steps
    assert outcome.has_learned is has_learned
    assert outcome.trained.steps == steps[-1]
    assert outcome.compared_steps == compared  # never at fewer steps than promised, after an early end


def test_a_train_that_fails_when_ended_early_gets_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over no batches, say: the early end is the grader's doing."""
    outcome, evaluated = _run(monkeypatch, [0.5, 0.2, 0.5, 0.2], fails_when_ended=True)
    assert evaluated == [100, 150, 100, 300]
    assert outcome.has_learned


def test_a_train_that_takes_fewer_batches_is_compared_at_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own early stopping, say."""
    outcome, evaluated = _run(monkeypatch, [0.89] * 4 + [0.5], most_batches=80)
    assert evaluated == [80, 150, 160, 200, 240]
    assert outcome.compared_steps == 240
    assert not outcome.has_learned


def test_an_error_without_an_early_end_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudentError, match="cannot do that"):
        _run(monkeypatch, [FAILS])


# A network and a trainer whose result changes if an evaluation uses random numbers or leaves another mode.
SENSITIVE = """
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


def train_evaluated(
    zygote: Zygote, source: str, evaluate: Callable[[TrainingSession], bool], *, by_reference: bool = False
) -> tuple[TrainingSession, Tensor, int]:
    """Train a student's network with an evaluation within each call of train.

    Args:
        by_reference: whether the reference's ``train`` replaces the student's.

    Returns:
        The session, the network's predictions at its end, and the number of batches that its BatchNorm saw in
        training mode.
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
            session = start_with_reference_trainer(student, network, *common)
        else:
            numbering = StepNumbering(0, frozenset())
            calls = TrainCalls(
                labels=True, numbering=numbering, layout=ReturnLayout(), encoding=TimestepEncoding()
            )
            session = start_with_student_trainer(student, network, None, *common, calls)
        session.clock.evaluate = lambda: evaluate(session)
        for epochs in SMALL.stretches:
            session.train(epochs)
        seen = student.call("batches_seen", handle)
        return session, session.predict(images[:16], torch.arange(16)), seen


def undecided(_: TrainingSession) -> bool:
    return False


# Names of the network's own, or effects of a change of mode, that could interfere.
ODD = {
    "plain": "",
    "with an attribute named like a method of nn.Module": """
class UNet(UNet):
    def __init__(self):
        super().__init__()
        self.modules = [self.layers, self.frozen]
""",
    "with a scripted module": """
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


@pytest.mark.parametrize("by_reference", [False, True], ids=["student's train", "reference's train"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_evaluations_change_nothing(zygote: Zygote, odd: str, by_reference: bool) -> None:
    evaluated = list[int]()

    def evaluate(session: TrainingSession) -> bool:
        session.predict(torch.ones(4, 1, 28, 28), torch.arange(4))
        evaluated.append(session.steps)
        return False

    source = SENSITIVE + odd
    without, expected, seen = train_evaluated(zygote, source, undecided, by_reference=by_reference)
    session, predicted, _ = train_evaluated(zygote, source, evaluate, by_reference=by_reference)
    assert evaluated == [8, 12]
    assert torch.equal(predicted, expected)
    assert session.losses == without.losses
    assert seen == 16  # all batches, in training mode


def test_a_training_ended_early_keeps_the_losses_of_its_complete_epochs(zygote: Zygote) -> None:
    whole, *_ = train_evaluated(zygote, SENSITIVE, undecided)
    ended, *_ = train_evaluated(zygote, SENSITIVE, lambda session: session.steps == 8)
    assert ended.steps == 8
    assert [len(losses) for losses in whole.losses] == [4]
    assert ended.losses == [whole.losses[0][:2]]


def test_a_train_that_ends_its_epochs_itself_keeps_all_losses(zygote: Zygote) -> None:
    source = SENSITIVE.replace("total += loss.item()", "total += loss.item()\n            break")
    session, *_ = train_evaluated(zygote, source, undecided)
    assert [len(losses) for losses in session.losses] == [4]


def test_a_train_that_fetches_batches_in_a_thread_is_not_evaluated_meanwhile(zygote: Zygote) -> None:
    """The network may be in use at that moment."""
    fetch = """
from concurrent.futures import ThreadPoolExecutor
def _fetch(loader):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(list, loader).result()
"""
    source = fetch + SENSITIVE.replace("in train_loader:", "in _fetch(train_loader):")
    session, *_ = train_evaluated(zygote, source, lambda session: True)
    assert session.steps == 16
    assert not session.clock.decided
