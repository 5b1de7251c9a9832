"""A short training of the student's model by the student's ``train``, judged on text that it never saw."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grader.checks.randomness import seeded_globally
from grader.probes.doubles import CriterionDouble, LoaderDouble, NetworkDouble, OptimizerDouble
from grader.probes.training_budget import TrainingBudget, TrainingClock
from grader.sandbox.student import Student
from grader.sandbox.values import Refusal, StudentError

from .interface import MAX_LENGTH_NAMES, build, call, tensor_in
from .oracle import CharacterModel
from .training import read_tokens

WINDOW, HELD_OUT = 32, 64  # characters that the model reads, and windows of the held-out text
SIZES = {"d_model": 32, "num_heads": 4, "num_layers": 2, "max_length": WINDOW}


@dataclass(frozen=True, slots=True)
class Text:
    """The embedded text as tokens: a part to train on, and a later part that is held out."""

    characters: str
    training: Tensor
    held_out: Tensor

    @property
    def vocab(self) -> int:
        """Number of characters."""
        return len(self.characters)

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """Return random windows of the training text, int64 (count, WINDOW + 1)."""
        starts = torch.randint(0, len(self.training) - WINDOW, (count,), generator=generator)
        return torch.stack([self.training[start : start + WINDOW + 1] for start in starts.tolist()])

    def held_out_windows(self) -> Tensor:
        """Return windows of the held-out text, int64 (HELD_OUT, WINDOW + 1)."""
        starts = torch.linspace(0, len(self.held_out) - WINDOW - 1, HELD_OUT).long()
        return torch.stack([self.held_out[start : start + WINDOW + 1] for start in starts.tolist()])


@cache
def text() -> Text:
    """Return the text that ships with the rubric."""
    whole = json.loads((Path(__file__).parent / "text.json").read_text(encoding="utf-8"))["text"]
    characters = "".join(sorted(set(whole)))
    tokens = torch.tensor([characters.index(each) for each in whole])
    split = int(0.85 * len(tokens))
    return Text(characters, tokens[:split], tokens[split:])


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a short training.

    Attributes:
        loss: mean cross-entropy on held-out text, in nats per character.
        steps: number of batches.
        own_model: whether the model was the student's.
        out_of_time: whether the time limit ended it.
    """

    loss: float
    steps: int
    own_model: bool
    out_of_time: bool


def held_out_loss(predict: Callable[[Tensor], Tensor]) -> float:
    """Return the mean cross-entropy of a model on the held-out text, NaN if its logits are not finite."""
    windows = text().held_out_windows()
    logits = predict(windows[:, :-1]).double()
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten()))


def train_own(
    student: Student,
    budget: TrainingBudget,
    generator: torch.Generator,
    on_progress: Callable[[int, int], None],
) -> Outcome:
    """Train the student's model by the student's ``train``.

    Raises:
        StudentError: one of them failed.
    """
    model = build(student, "CharacterModel", {"vocab_size": text().vocab, **SIZES})
    optimizer = student.ask("optimizer", model, name="adam", lr=budget.learning_rate, keep=True)
    criterion = student.ask("criterion", name="cross_entropy", keep=True)
    clock = _train(student, model, optimizer, criterion, budget, generator, on_progress)

    def predict(tokens: Tensor) -> Tensor:
        student.call(model, method="eval", keep=True)
        shape = (*tokens.shape, text().vocab)
        logits = tensor_in(student.call(model, tokens, seed=0, grad=False, timeout=60.0), shape)
        return torch.full(shape, torch.nan) if logits is None else logits

    return Outcome(held_out_loss(predict), clock.steps, own_model=True, out_of_time=clock.out_of_time)


def train_reference_model(
    student: Student,
    budget: TrainingBudget,
    generator: torch.Generator,
    on_progress: Callable[[int, int], None],
    loss: str | None,
) -> Outcome:
    """Train the reference's model by the student's ``train``; it stays in the judge.

    Args:
        loss: when it returns its loss, as ``models.returned_loss`` says.

    Raises:
        StudentError: ``train`` failed.
    """
    double = _ReferenceModel(budget.learning_rate, student.seed, loss)
    optimizer = _ReferenceOptimizer([], double, budget.learning_rate)
    criterion = CriterionDouble([], "cross_entropy")
    clock = _train(student, double, optimizer, criterion, budget, generator, on_progress)
    with torch.no_grad():
        held_out = held_out_loss(double.model.eval())
    return Outcome(held_out, clock.steps, own_model=False, out_of_time=clock.out_of_time)


def _train(
    student: Student,
    model: Any,
    optimizer: Any,
    criterion: Any,
    budget: TrainingBudget,
    generator: torch.Generator,
    on_progress: Callable[[int, int], None],
) -> TrainingClock:
    clock = TrainingClock(budget, on_progress, student.time_used)
    epochs = budget.max_epochs
    batches = LoaderDouble(
        [],
        "training",
        lambda _: (text().batch(budget.batch_size, generator), torch.zeros(budget.batch_size)),
        budget.batches,
        budget.batch_size,
        epochs=epochs,
        go_on=clock.go_on,
        labels=False,
    )
    arguments = {
        "model": model,
        "batches": batches,
        "optimizer": optimizer,
        "criterion": criterion,
        "num_epochs": epochs,
    }
    call(student, "train", arguments, seed=student.seed, timeout=3 * budget.seconds + 60)
    return clock


class _ReferenceModel(NetworkDouble):
    """The reference's model, trained by the gradients that ``train`` sends back."""

    def __init__(self, lr: float, seed: int, loss: str | None) -> None:
        sizes = dict.fromkeys(MAX_LENGTH_NAMES, WINDOW)
        super().__init__(
            [],
            lambda x, _: x,
            read_tokens,
            max_inputs=sys.maxsize,
            passes_for=["CharacterModel"],
            attributes=sizes,
            loss=loss,
        )
        with seeded_globally(seed):
            self.model = CharacterModel(text().vocab, 32, 4, 2, WINDOW)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.outputs: dict[int, Tensor] = {}
        self.respond = self._respond

    def _respond(self, x: Tensor, _: Tensor) -> Tensor:
        if x.shape[1] > WINDOW or bool((x < 0).any()) or bool((x >= text().vocab).any()):
            raise Refusal(
                "IndexError", f"the model takes at most {WINDOW} tokens from 0 to {text().vocab - 1}"
            )
        self.last: Tensor = self.model(x.long())
        answer: Tensor = self.last.detach()
        return answer

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Run forward, or backpropagate the gradient that came back to an output."""
        if event == "backward":
            output = self.outputs.pop(args[0], None)
            if not state.get("gradient_before"):  # the double's own gradient shows whether it was cleared
                self.optimizer.zero_grad()
            if output is not None and output.shape == args[1].shape:
                output.backward(args[1].float())  # type: ignore[no-untyped-call]
            return None
        self.model.train(state["training"])
        with torch.set_grad_enabled(state["grad"]):
            answer = super().answer(event, args, kwargs, state)
        self.log.clear()
        self.outputs = {state["call"]: self.last} if state["grad"] else {}
        return answer


class _ReferenceOptimizer(OptimizerDouble):
    """The optimizer of the reference's model: its steps are steps of Adam."""

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Make a step of Adam."""
        if event == "step" and isinstance(self.network, _ReferenceModel):
            self.network.optimizer.step()


def learn(
    worker: Callable[[], Student],
    budget: TrainingBudget,
    bound: float,
    generator: Callable[[], torch.Generator],
    on_progress: Callable[[int, int], None],
    loss: str | None,
) -> Outcome:
    """Train the student's model, and where it does not learn, the reference's.

    Args:
        worker: opens a fresh worker.
        bound: held-out loss up to which a model has learned.
        generator: opens the stream of the batches.
        loss: when the student's model returns its loss, as ``models.returned_loss`` says.

    Raises:
        StudentError: ``train`` failed with both.
    """
    outcome: Outcome | None = None
    try:
        with worker() as student:
            outcome = train_own(student, budget, generator(), on_progress)
    except StudentError:
        pass
    if outcome and outcome.loss <= bound:
        return outcome
    with worker() as student:
        other = train_reference_model(student, budget, generator(), on_progress, loss)
    return other if outcome is None or other.loss <= bound else outcome
