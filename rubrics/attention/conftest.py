"""Fixtures of the checks: the student's parts, each with stand-ins for what it is built on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import torch
from torch import Tensor

from grader.checks import Blocked, NeedsReview, Reporter, Unmet
from grader.checks.randomness import Seeded
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from . import generation, models, stand_ins, training, weights
from . import heads as heads_probe
from .blocks import BlockProbe
from .generation import Generation
from .heads import Heads
from .interface import is_class
from .models import Model
from .stand_ins import Parts
from .training import RecordedTraining
from .weights import RecoveredAttention


@pytest.fixture(scope="session")
def attention(
    student: Student, need: Callable[[str], None], seeded: Seeded, reporter: Reporter
) -> RecoveredAttention:
    """The student's attention function, with its weights recovered."""
    need(weights.NAME)
    found = weights.recover(student, seeded("attention"))
    reporter.convention(weights.NAME, f"takes {found.mask_form} masks" if found.masked else "takes no mask")
    if found.mask_form != "boolean":
        reporter.note(f"Your {weights.NAME} takes {found.mask_form}, which is accepted.")
    return found


def own_attention(request: pytest.FixtureRequest) -> RecoveredAttention | None:
    """Return the student's attention function; None where it does not work."""
    try:
        found: RecoveredAttention = request.getfixturevalue("attention")
    except (StudentError, Unmet, Blocked, NeedsReview):
        return None
    return found


def _with_right_attention(student: Student, own: RecoveredAttention | None, stack: ExitStack) -> Student:
    """Return a worker with a right attention function in place of the student's, called as theirs is."""
    return stand_ins.with_stand_ins(student, {weights.NAME: stand_ins.attention(own)}, stack)


def _form(attention: RecoveredAttention | None) -> str:
    return attention.mask_form if attention else "boolean"


@pytest.fixture(scope="session")
def heads(
    request: pytest.FixtureRequest, student: Student, need: Callable[[str], None]
) -> Iterator[Parts[Heads]]:
    """The student's MultiHeadAttention: as it is, and with right attention."""
    need("MultiHeadAttention")
    own = own_attention(request)
    parts = Parts(
        lambda _: Heads(student, _form(own)),
        lambda stack: Heads(_with_right_attention(student, own, stack), "boolean"),
        lambda _: Heads(student, _form(own), swapped=_takes_places_first(student)),
    )
    yield parts
    parts.close()


def _takes_places_first(student: Student) -> bool:
    """Return True where the student's layers take places before examples, and the student's model knows.

    Raises:
        Blocked: they do not.
        StudentError, Unmet: a layer or the model fails.
    """
    if not heads_probe.mixes_first_dimension(Heads(student, "boolean")):
        raise Blocked("MultiHeadAttention takes examples first.")
    generator, model = torch.Generator().manual_seed(0), Model(student)
    models.expect_examples_apart(model, generator)
    models.expect_causality(model, generator)
    return True


@pytest.fixture(scope="session")
def block(
    request: pytest.FixtureRequest, student: Student, need: Callable[[str], None]
) -> Iterator[Parts[BlockProbe]]:
    """The student's TransformerBlock: as it is, and with right heads."""
    need("TransformerBlock")
    own = own_attention(request)

    def with_heads(stack: ExitStack) -> BlockProbe:
        silent = [False]
        right = stand_ins.right_heads()

        def compute(x: Tensor, mask: Tensor | None) -> Tensor:
            return torch.zeros_like(x) if silent[0] else right(x, mask)

        doubles = {"MultiHeadAttention": stand_ins.heads(compute)}
        worker = stand_ins.with_stand_ins(student, doubles, stack)
        return BlockProbe(worker, "boolean", lambda value: silent.__setitem__(0, value))

    parts = Parts(
        lambda _: BlockProbe(student, _form(own)),
        lambda stack: BlockProbe(_with_right_attention(student, own, stack), "boolean"),
        with_heads,
        lambda _: BlockProbe(student, _form(own), swapped=_takes_places_first(student)),
    )
    yield parts
    parts.close()


@pytest.fixture(scope="session")
def model(student: Student, need: Callable[[str], None]) -> Iterator[Parts[Model]]:
    """The student's CharacterModel: as it is, and with right blocks and positions."""
    need("CharacterModel")

    def with_blocks(stack: ExitStack) -> Model:
        return Model(stand_ins.with_stand_ins(student, {"TransformerBlock": stand_ins.block()}, stack))

    def with_all(stack: ExitStack) -> Model:
        positions = stand_ins.positions(as_class=is_class(student, "positional_encoding"))
        doubles = {"TransformerBlock": stand_ins.block(), "positional_encoding": positions}
        return Model(stand_ins.with_stand_ins(student, doubles, stack))

    parts = Parts(lambda _: Model(student), with_blocks, with_all)
    yield parts
    parts.close()


@pytest.fixture(scope="session")
def returned_loss(student: Student, reporter: Reporter) -> str | None:
    """When the student's model returns its loss beside the logits; None if it does not."""
    found = models.returned_loss(student)
    if found:
        reporter.note("Your CharacterModel returns its loss beside the logits, which is accepted.")
    return found


@pytest.fixture(scope="session")
def recorded_training(
    student: Student, need: Callable[[str], None], seeded: Seeded, returned_loss: str | None
) -> RecordedTraining:
    """A run of the student's ``train`` on test doubles of all its arguments."""
    need("train")
    return training.record(student, seeded("training"), loss=returned_loss)


@pytest.fixture(scope="session")
def run_generate(
    student: Student, need: Callable[[str], None], returned_loss: str | None
) -> Callable[..., Generation]:
    """Function that runs the student's ``generate``."""
    need("generate")
    return partial(generation.run, student, loss=returned_loss)


@pytest.fixture(scope="session")
def greedy(run_generate: Callable[..., Generation]) -> Generation:
    """A run of the student's ``generate`` at temperature 0."""
    return run_generate(generation.chain_logits, count=generation.NEW, temperature=0.0)


@pytest.fixture(scope="session")
def generated(run_generate: Callable[..., Generation]) -> Generation:
    """A run of the student's ``generate`` at temperature 1, on a model that is sure of every character."""
    return run_generate(generation.chain_logits, count=generation.NEW, temperature=1.0)
