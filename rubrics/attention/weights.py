"""Recover the weights of a student's attention, and compare them with the formula and with known mistakes.

Attention is linear in its values: the unit matrix as values gives the weights themselves, exactly. So the
judge sees how scores are scaled, normalised and masked without reading the code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.answers import of_shape
from grader.probes.formulas import close
from grader.probes.linear import unexplained
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from .interface import MASKS, call, describe_result, first_working, tensor_in

QUERIES, KEYS, WIDTH, VALUES = 5, 7, 11, 4  # more features than keys, so that keys can be divided out
WITHIN = 1e-4  # of the largest weight; rounding is a hundred times smaller
NAME = "scaled_dot_product_attention"
Normaliser = Callable[[Tensor], Tensor]

# What turns scaled scores into weights, and the misconception where it is not the softmax over the keys.
NORMALISERS: tuple[tuple[str | None, Normaliser], ...] = (
    (None, lambda s: s.softmax(-1)),
    ("softmax-over-queries", lambda s: s.softmax(-2)),
    ("softmax-over-heads", lambda s: s.softmax(-3) if s.ndim > 2 else s),
    ("softmax-over-heads", lambda s: s.softmax(0) if s.ndim > 2 else s),
    ("softmax-over-everything", lambda s: s.flatten(-2).softmax(-1).view(s.shape)),
    ("softmax-missing", lambda s: s),
    ("softmax-twice", lambda s: s.softmax(-1).softmax(-1)),
    ("softmax-replaced", lambda s: s / s.sum(-1, keepdim=True)),
    ("softmax-replaced", lambda s: s.sigmoid()),
    ("softmax-replaced", lambda s: s.relu() / s.relu().sum(-1, keepdim=True).clamp_min(1e-9)),
    ("softmax-not-normalised", lambda s: s.exp()),
    ("softmax-logarithm", lambda s: s.log_softmax(-1)),
    ("softmax-negated", lambda s: (-s).softmax(-1)),
)
_NO_SHARES = {"softmax-missing", "softmax-replaced", "softmax-not-normalised", "softmax-logarithm"}
# Factors of the scores, of d, the number of queries and that of keys.
SCALES: tuple[tuple[str | None, Callable[[int, int, int], float]], ...] = (
    (None, lambda d, queries, keys: d**-0.5),
    ("scale-missing", lambda d, queries, keys: 1.0),
    ("scale-not-rooted", lambda d, queries, keys: 1 / d),
    ("scale-multiplied", lambda d, queries, keys: d**0.5),
    ("scale-multiplied", lambda d, queries, keys: float(d)),
    ("scale-of-other-size", lambda d, queries, keys: queries**-0.5),
    ("scale-of-other-size", lambda d, queries, keys: keys**-0.5),
    ("scale-rooted-twice", lambda d, queries, keys: d**-0.25),
)


@dataclass(slots=True, kw_only=True)
class RecoveredAttention:
    """A student's attention, as its answers show it.

    Attributes:
        lead: sizes of the dimensions before positions and width with which it was asked.
        q, k: queries and keys, float (*lead, QUERIES, WIDTH) and (*lead, KEYS, WIDTH).
        weights: without a mask, float64 (*lead, QUERIES, KEYS).
        unexplained: share of the answers to random values that the weights leave unexplained.
        keys_mixed: whether it mixes the keys in place of the values.
        normaliser, scale: the formula that the weights match, each with its misconception; None for none.
        matched: whether they match any formula.
        allowed: the mask that was tried, bool (QUERIES, KEYS).
        masked: weights with that mask, by the form in which it was passed; an error in place of those.
        random: whether equal calls give other weights for another seed.
        layout: index of the output in a returned tuple; None if it returns the output alone.
        items: number of items of that tuple.
    """

    lead: tuple[int, ...]
    q: Tensor
    k: Tensor
    weights: Tensor
    unexplained: float
    keys_mixed: bool
    allowed: Tensor
    normaliser: tuple[str | None, Normaliser] = NORMALISERS[0]
    scale: tuple[str | None, float] = (None, 1.0)
    matched: bool = False
    masked: dict[str, Tensor | StudentError] = field(default_factory=dict)
    random: bool = False
    layout: int | None = None
    items: int = 1

    @property
    def scores(self) -> Tensor:
        """Scores in the scale that the student uses."""
        return self.scale[1] * (self.q.double() @ self.k.double().transpose(-2, -1))

    @property
    def mask_form(self) -> str:
        """The form in which masks work; the handout's if they work in none."""
        return next((form for form in self.masked if self.is_masked_right(form)), "boolean")

    def is_masked_right(self, form: str) -> bool:
        """Return whether blocked keys get no weight, and the others share it as without them.

        Where there is no softmax, which lost its points, all that shows is whether the mask has an effect.
        """
        found = self.masked.get(form)
        if not isinstance(found, Tensor):
            return False
        if self.normaliser[0] in _NO_SHARES:
            return not torch.equal(found, self.weights)
        return close(found, self.masked_by(_blocked), WITHIN)

    def is_masked_by(self, form: str, mistake: str) -> bool:
        """Return whether the weights with a mask are those of a mistake."""
        found = self.masked[form]
        return isinstance(found, Tensor) and close(found, MISTAKES[mistake](self), WITHIN)

    def masked_by(self, mask: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return the weights where a mask changes the scores like this, normalised as the student does."""
        if not self.matched:
            logs = self.weights.clamp_min(1e-30).log()
            return mask(logs, self.allowed).softmax(-1)
        return self.normaliser[1](mask(self.scores, self.allowed))


def _blocked(scores: Tensor, allowed: Tensor) -> Tensor:
    return scores.masked_fill(~allowed, -1e30)


def ask(
    student: Student, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, seed: int = 0
) -> Any:
    """Call the student's attention."""
    arguments: dict[str, Any] = {"q": q, "k": k, "v": v}
    arguments |= {} if mask is None else {"mask": mask}
    sizes = {"d_model": WIDTH * 2, "num_heads": 2}
    return call(student, NAME, arguments, constructor_arguments=sizes, if_required={"mask": None}, seed=seed)


def recover(student: Student, generator: torch.Generator) -> RecoveredAttention:
    """Recover the weights of the student's attention without and with a mask.

    Raises:
        StudentError: it fails for every number of dimensions.
        Unmet: it returns no tensor of the right shape.
    """
    found: RecoveredAttention = first_working(
        [partial(_recover, student, lead, generator) for lead in ((2, 3), (2,), ())]
    )
    _match(found)
    for form, make in MASKS.items():
        found.masked[form] = _masked(student, found, make(found.allowed))
        if found.is_masked_right(form) or found.is_masked_by(form, "mask-inverted"):
            break  # blocking where a mask is not 0 works with additive masks, too, but inverts boolean ones
    return found


def _recover(student: Student, lead: tuple[int, ...], generator: torch.Generator) -> RecoveredAttention:
    q = torch.randn((*lead, QUERIES, WIDTH), generator=generator)
    k = torch.randn((*lead, KEYS, WIDTH), generator=generator)
    v = torch.randn((*lead, KEYS, VALUES), generator=generator)
    shape = (*lead, QUERIES, KEYS)
    result = ask(student, q, k, unit_values(lead))
    weights = weights_in(result, k)
    if weights is None:
        raise Unmet(
            f"Your {NAME} returns {describe_result(result)} for {QUERIES} queries, {KEYS} keys and values "
            f"of width {KEYS}.",
            expected=f"a tensor of shape {shape}",
            actual=describe_result(result),
            misconception="attention-shape",
        )
    again = weights_in(ask(student, q, k, unit_values(lead), seed=1), k)
    several = isinstance(result, tuple | list)
    answer = ask(student, q, k, v)
    layout = next((i for i, each in enumerate(answer) if _fits(each, lead)), 0) if several else None
    values = answer[layout] if several and layout is not None else answer
    return RecoveredAttention(
        lead=lead,
        q=q,
        k=k,
        weights=weights,
        unexplained=unexplained(of_shape(values, (*shape[:-1], VALUES)), weights @ v.double()),
        keys_mixed=tensor_in(result, shape) is None,
        allowed=_mask(),
        random=again is not None and not close(again, weights, WITHIN),
        layout=layout,
        items=len(result) if several else 1,
    )


def _fits(value: Any, lead: tuple[int, ...]) -> bool:
    return isinstance(value, Tensor) and value.shape == (*lead, QUERIES, VALUES)


def _mask() -> Tensor:
    """Return a mask with blocked and allowed keys in every row and every column."""
    rows, columns = torch.arange(QUERIES)[:, None], torch.arange(KEYS)
    return (2 * rows + 3 * columns) % 5 < 3


def _match(found: RecoveredAttention) -> None:
    d, scores = WIDTH, found.q.double() @ found.k.double().transpose(-2, -1)
    for id, factor in SCALES:
        value = factor(d, QUERIES, KEYS)
        for normaliser in NORMALISERS:
            if close(found.weights, normaliser[1](value * scores), WITHIN):
                found.normaliser, found.scale, found.matched = normaliser, (id, value), True
                return
    for value in (d**-0.5, 1 / d, d**0.5):
        if close(found.weights, value * scores.softmax(-1), WITHIN):
            after: Normaliser = lambda s, value=value: value * s.softmax(-1)  # type: ignore[misc]  # noqa: E731
            found.normaliser, found.scale, found.matched = (None, after), ("scale-after-softmax", 1.0), True
            return


def _masked(student: Student, found: RecoveredAttention, mask: Tensor) -> Tensor | StudentError:
    unit, shape = unit_values(found.lead), (*found.lead, QUERIES, KEYS)
    shapes = [mask, mask[None], mask[None, None], mask.expand(*found.lead, QUERIES, KEYS)]
    try:
        result = first_working([partial(ask, student, found.q, found.k, unit, each) for each in shapes])
    except StudentError as error:
        return error
    answer = weights_in(result, found.k)
    return torch.full(shape, math.nan, dtype=torch.float64) if answer is None else answer


def unit_values(lead: tuple[int, ...]) -> Tensor:
    """Return values whose mixture is the weights themselves, (*lead, KEYS, KEYS)."""
    return torch.eye(KEYS).expand(*lead, KEYS, KEYS).contiguous()


def weights_in(result: Any, k: Tensor) -> Tensor | None:
    """Return the weights in an answer for unit values, (*lead, QUERIES, KEYS); None if it has another shape.

    Where the keys were mixed in place of the values, they are divided out.
    """
    lead = k.shape[:-2]
    if (weights := tensor_in(result, (*lead, QUERIES, KEYS))) is not None:
        return weights
    mixed = tensor_in(result, (*lead, QUERIES, WIDTH))
    return None if mixed is None else mixed @ torch.linalg.pinv(k.double())


# What else a mask may do, by its misconception: weights of the student's own normalisation.
MISTAKES: Mapping[str, Callable[[RecoveredAttention], Tensor]] = {
    "mask-ignored": lambda found: found.weights,
    "mask-inverted": lambda found: found.masked_by(lambda s, allowed: _blocked(s, ~allowed)),
    "mask-after-softmax": lambda found: found.weights * found.allowed,
    "mask-zero": lambda found: found.masked_by(lambda s, allowed: s * allowed),
    "mask-added": lambda found: found.masked_by(lambda s, allowed: s + allowed.double()),
}
