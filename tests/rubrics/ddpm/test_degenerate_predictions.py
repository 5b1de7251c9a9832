"""Predictions for which nothing has to be learned do not pass for learned ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.checks import Reporter
from grader.checks.randomness import streams
from grader.probes.training_budget import TrainingBudget, TrainingClock
from reference import digits
from reference.evaluation import held_out_probe
from reference.pretrained import load_pretrained
from reference.readings import HANDOUT_CODE, HANDOUT_TEXT, PAPER, Reading, ReadingDiffuser
from reference.schedule import SCHEDULE
from rubrics.ddpm.short_training.image_data import ImageData, held_out_error
from rubrics.ddpm.short_training.outcome import TrainingOutcome
from rubrics.ddpm.short_training.reference_curve import ReferenceCurve
from rubrics.ddpm.short_training.trainers import TrainingSession
from rubrics.ddpm.short_training.training import ShortTraining

TOLERANCE = {"learns": 3.0, "learns_not": 4.0, "hopeless": 0.9, "learns_something": 0.85}
BUDGET = TrainingBudget(stretches=[1], batches=4, batch_size=64, learning_rate=1e-3, seconds=100.0)


@pytest.fixture(scope="module")
def data() -> ImageData:
    held_out, labels = digits.load("digits", "held-out")
    return ImageData(train=held_out, labels=labels, held_out=held_out[:100], batch_size=64)


def best_factors(reading: Reading, data: ImageData) -> Tensor:
    """Return the factor of x_t that predicts the noise best, for each step."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)
    found = []
    for step in range(SCHEDULE["total_steps"]):
        x_t, noise = diffuser.noise_diffusion(data.held_out, [step] * len(data.held_out))
        found.append((x_t * noise).sum() / x_t.square().sum())
    return torch.stack(found)


@pytest.mark.parametrize("reading", [PAPER, HANDOUT_CODE, HANDOUT_TEXT], ids=lambda reading: reading.id)
@pytest.mark.parametrize("factor", ["one", "best"])
def test_a_multiple_of_the_input_is_recognised(data: ImageData, reading: Reading, factor: str) -> None:
    factors = best_factors(reading, data) if factor == "best" else torch.ones(SCHEDULE["total_steps"])
    found = held_out_error(lambda x, t: factors[t].view(-1, 1, 1, 1) * x, reading, data, streams(1)("x"))
    assert found.is_factor
    assert found.error < 0.5


@pytest.mark.parametrize("reading", [PAPER, HANDOUT_CODE, HANDOUT_TEXT], ids=lambda reading: reading.id)
def test_the_true_noise_is_no_multiple_of_the_input(data: ImageData, reading: Reading) -> None:
    """It is what the best network would predict, and leaves at least four times the bound."""
    diffuser = ReadingDiffuser(**SCHEDULE, reading=reading)

    probe = held_out_probe(diffuser, data.held_out, streams(1)("x"))
    found = held_out_error(lambda x, t: probe.target, reading, data, streams(1)("x"))
    assert found.error < 1e-6
    assert not found.is_factor


def test_a_trained_network_is_no_multiple_of_its_input(data: ImageData) -> None:
    network = load_pretrained()
    found = held_out_error(lambda x, t: network(x, t.float().view(-1, 1)), PAPER, data, streams(1)("x"))
    assert found.error < 0.15
    assert not found.is_factor


def _outcome(
    monkeypatch: pytest.MonkeyPatch, data: ImageData, before: Any, after: Any, *, penalized: bool = True
) -> TrainingOutcome:
    """Return the outcome for a network by its predictions before training, and after three batches or more.

    Args:
        penalized: whether it lost points for its structure.
    """
    session = TrainingSession(
        predict=before, network=SimpleNamespace(), clock=TrainingClock(BUDGET, lambda done, total: None)
    )

    def train(epochs: int) -> None:
        session.predict = after
        while session.clock.steps < epochs * BUDGET.batches:
            session.clock.go_on()

    session.train = train
    monkeypatch.setattr(ShortTraining, "_new_session", lambda *_: session)
    monkeypatch.setattr(ShortTraining, "_weights", lambda *_: None)
    curve = ReferenceCurve(steps=[2, 4], held_out=[0.02, 0.02], training=[], validation=[])
    training = ShortTraining(
        student=SimpleNamespace(close=lambda: None, call=lambda *_, **__: None),  # type: ignore[arg-type]
        plan=SimpleNamespace(reading=PAPER, network_penalized=penalized),  # type: ignore[arg-type]
        data=data,
        reference_curve=curve,
        budget=BUDGET,
        tolerance=TOLERANCE,
        seeded=streams(0),
        unknown=torch.Generator(),
        reporter=Reporter(emit=lambda event: None),
    )
    return training._train_and_confirm(SimpleNamespace(handle=None))  # type: ignore[arg-type]


def _identity(x: Tensor, t: Tensor) -> Tensor:
    return x


def _weak(x: Tensor, t: Tensor) -> Tensor:
    """Return half of what a trained network predicts: an error of about 0.3."""
    return 0.5 * _trained(x, t)


def _trained(x: Tensor, t: Tensor) -> Tensor:
    network = load_pretrained()
    return network(x, t.float().view(-1, 1))


def test_a_network_that_already_lost_points_must_lower_its_own_error(
    monkeypatch: pytest.MonkeyPatch, data: ImageData
) -> None:
    """An error of 0.3 is enough after 1, but not after 0.24, which returning x_t has from the start."""
    assert _outcome(monkeypatch, data, lambda x, t: torch.zeros_like(x), _weak).has_learned
    assert not _outcome(monkeypatch, data, _identity, _weak).has_learned
    assert not _outcome(monkeypatch, data, _identity, _identity).has_learned
    assert _outcome(monkeypatch, data, _identity, _trained).has_learned


@pytest.mark.parametrize("before", ["trained", "untrained"])
def test_a_network_that_is_right_before_it_was_trained_did_not_learn_it(
    monkeypatch: pytest.MonkeyPatch, data: ImageData, before: str
) -> None:
    """It looks the answers up, or loads its weights when training begins."""
    first = _trained if before == "trained" else lambda x, t: torch.zeros_like(x)
    outcome = _outcome(monkeypatch, data, first, _trained, penalized=False)
    assert outcome.has_learned
    assert outcome.knew_before
