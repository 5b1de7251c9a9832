"""Expectations on a student's CharacterModel: shapes, causality, and that order matters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.dependence import ROUNDING, hears_later, influence
from grader.probes.parameters import have_effect, read_parameters
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError

from .interface import VOCAB, build, describe_result, tensor_in

MAX_LENGTH, LENGTH = 12, 9
SIZES = {"vocab_size": VOCAB, "d_model": 16, "num_heads": 2, "num_layers": 2, "max_length": MAX_LENGTH}
_NO_ORDER = 1e-5  # share of the logits that rounding explains; encodings changed them by 3e-3 or more


class WrongShape(Unmet):
    """Logits of another shape, which model.shape reports."""


@dataclass(frozen=True, slots=True)
class Model:
    """A student's CharacterModel in a worker."""

    student: Student

    def build(self, **changes: int) -> Handle:
        """Build it anew, in eval mode."""
        return build(self.student, "CharacterModel", SIZES | changes)

    def ask(self, handle: Handle, tokens: Tensor) -> Tensor:
        """Return the logits for tokens, int64 (B, L).

        Raises:
            WrongShape: they have another shape.
        """
        result: Any = self.student.call(handle, tokens, seed=0, grad=False)
        shape = (*tokens.shape, VOCAB)
        logits = tensor_in(result, shape)
        if logits is None:
            raise WrongShape(
                f"Your model returns {describe_result(result)} for tokens of shape {tuple(tokens.shape)}.",
                expected=f"logits of shape {shape}",
                actual=describe_result(result),
                misconception="logits-shape",
            )
        return logits


def returned_loss(student: Student) -> str | None:
    """Return when the student's model returns its loss beside the logits: "always" or "with targets".

    None if it returns logits alone, or does not work.
    """
    tokens = torch.arange(LENGTH)[None]
    try:
        handle = Model(student).build()
        if _is_pair(student.call(handle, tokens, seed=0, grad=False)):
            return "always"
        about = student.ask("describe", student.get(handle, student.method("forward")))
        if len(about["arguments"]) > 1 and _is_pair(student.call(handle, tokens, tokens, seed=0, grad=False)):
            return "with targets"
    except StudentError:
        pass
    return None


def _is_pair(result: Any) -> bool:
    return isinstance(result, tuple | list) and len(result) == 2 and isinstance(result[0], Tensor)


def draw_tokens(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return random tokens, int64, those of one text all different if they are few enough."""
    rows = shape[0] if len(shape) > 1 else 1
    drawn = torch.stack([torch.randperm(VOCAB, generator=generator)[: shape[-1]] for _ in range(rows)])
    return drawn.view(shape)


def expect_shape(model: Model, generator: torch.Generator) -> None:
    """Expect logits for texts of any length up to the longest."""
    handle = model.build()
    for length in (LENGTH, 1, MAX_LENGTH):
        logits = model.ask(handle, draw_tokens((2, length), generator))
        if not logits.isfinite().all():
            raise Unmet("Your model's logits contain NaN or infinity.", misconception="logits-not-finite")
        if bool((logits >= 0).all()) and float((logits.sum(-1) - 1).abs().max()) < 1e-4:
            raise Unmet(
                "Your model returns probabilities: at every position they are positive and add up to 1.",
                expected="logits, of which the loss and generate take the softmax",
                actual="a softmax",
                misconception="logits-are-probabilities",
            )


def expect_examples_apart(model: Model, generator: torch.Generator) -> None:
    """Expect that no text of a batch hears of another."""
    handle = model.build()
    tokens = draw_tokens((3, LENGTH), generator)
    other = (tokens + 1) % VOCAB
    sizes = influence(lambda x: model.ask(handle, x), tokens, other, inside=0, outside=0)
    if float((sizes - sizes.diag().diag()).max()) > ROUNDING:
        raise Unmet("The texts of a batch hear of each other.", misconception="attends-over-batch")


def expect_causality(model: Model, generator: torch.Generator) -> Tensor:
    """Expect that no logit hears of a later character; return who hears whom, (L, L)."""
    handle = model.build()
    tokens = draw_tokens((1, LENGTH), generator)
    other = (tokens + 1 + torch.arange(LENGTH)) % VOCAB
    sizes = influence(lambda x: model.ask(handle, x), tokens, other, inside=1, outside=1)
    if hears_later(sizes) > ROUNDING:
        first = bool(sizes[1:, 0].max() > ROUNDING)
        raise Unmet(
            "The prediction at a position changes with characters that come after it"
            + (", even with those far ahead." if first else "."),
            expected="each prediction depends on the characters up to its position",
            actual=f"a later character changes it by {hears_later(sizes):.0%} of the largest change",
            misconception="model-hears-later",
        )
    return sizes


def expect_order(model: Model, generator: torch.Generator) -> float:
    """Expect the order of earlier characters to matter; return by how much, NaN where that does not show.

    In one causal layer without positions the last prediction depends on the earlier characters as a set.
    """
    handle = model.build(num_layers=1)
    tokens = draw_tokens((1, LENGTH), generator)
    swapped = tokens.clone()
    swapped[0, [0, 3]] = tokens[0, [3, 0]]
    changed = tokens.clone()
    changed[0, 0] = next(each for each in range(VOCAB) if each not in tokens)
    before, after, other = (model.ask(handle, each)[0, -1] for each in (tokens, swapped, changed))
    if float((other - before).norm() / before.norm().clamp_min(1e-12)) < _NO_ORDER:
        return float("nan")  # it does not hear of the first character at all, so its order cannot matter
    effect = float((after - before).norm() / before.norm().clamp_min(1e-12))
    if effect < _NO_ORDER:
        raise Unmet(
            "When two earlier characters change places, your model's prediction stays the same.",
            expected="a prediction that depends on the order of the characters",
            actual="no change",
            misconception="positions-not-added",
        )
    return effect


def expect_registered_blocks(model: Model) -> dict[int, int]:
    """Expect more parameters with more blocks; return their number by the number of blocks."""
    count = {
        layers: int(model.student.ask("describe", model.build(num_layers=layers))["parameters"])
        for layers in (1, 3)
    }
    if count[3] > count[1]:
        return count
    width, heads = SIZES["d_model"], SIZES["num_heads"]
    block = build(
        model.student, "TransformerBlock", {"d_model": width, "num_heads": heads, "d_ff": 4 * width}
    )
    repeated = count[1] > int(model.student.ask("describe", block)["parameters"])
    raise Unmet(
        f"With three blocks your model has {count[3]} parameters, as many as with one.",
        expected="the parameters of every block",
        actual=f"{count[3]} parameters with one block and with three",
        misconception="block-repeated" if repeated else "blocks-not-registered",
    )


def expect_used_blocks(model: Model, generator: torch.Generator) -> None:
    """Expect every block to change the logits, if one does.

    Blocks are told apart by the first number in the names of their matrices.
    """
    handle = model.build(num_layers=3)
    tokens = draw_tokens((1, LENGTH), generator)
    parameters = read_parameters(model.student, handle)
    few = read_parameters(model.student, model.build(num_layers=1))
    matrices = [name for name, value in parameters.items() if value.ndim > 1]
    further = [name for name in matrices if name not in few]
    blocks: dict[str, set[str]] = {}
    for name in {*further, *(re.sub(r"\d+", "0", name, count=1) for name in further)} & {*matrices}:
        blocks.setdefault(_first_number(name), set()).add(name)
    used = [
        have_effect(model.student, handle, parameters, names, lambda: model.ask(handle, tokens))
        for names in blocks.values()
    ]
    if any(used) and not all(used):
        idle = used.count(False)
        raise Unmet(
            f"Of three blocks, {idle} do not change your model's predictions.",
            expected="every block reads what the one before it returns",
            actual=f"{idle} without effect",
            misconception="block-unused",
        )


def _first_number(name: str) -> str:
    found = re.search(r"\d+", name)
    return found[0] if found else ""
