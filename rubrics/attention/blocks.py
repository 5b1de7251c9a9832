"""Expectations on a student's TransformerBlock, asked by what it computes without some of its weights.

With the matrices of attention set to zero, only the feed-forward network adds something to x, and without
its matrices only attention does. The sizes of the matrices tell which is which. What is left of x shows the
residual connections; whether a scaled x changes what is added to it shows the norms, before a sublayer or
after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.dependence import ROUNDING, hears_later, hears_others, influence
from grader.probes.parameters import read_parameters, without, write_parameters
from grader.sandbox.student import Student

from .interface import MASKS, Layer, build_layer, causal

WIDTH, HEADS, HIDDEN, LENGTH = 16, 2, 40, 6
SCALE = 3.0
SAME = 2e-3  # share of a change that the ε inside a norm explains; without a norm it is 0.5 or more
_OF_ATTENTION = {1, WIDTH // HEADS, WIDTH, 2 * WIDTH, 3 * WIDTH}  # sizes of attention's own matrices


@dataclass(slots=True)
class BlockProbe:
    """A student's TransformerBlock in a worker.

    Attributes:
        student: the worker.
        form: form of a mask, by its name in ``interface.MASKS``.
        silence: sets whether a stand-in for attention returns zeros; None where attention is the student's.
        swapped: whether the block takes places first and examples second.
    """

    student: Student
    form: str
    silence: Callable[[bool], None] | None = None
    swapped: bool = False
    layer: Layer = field(init=False)
    parameters: Mapping[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Build the block and read its parameters."""
        sizes = {"d_model": WIDTH, "num_heads": HEADS, "d_ff": HIDDEN}
        self.layer = replace(build_layer(self.student, "TransformerBlock", sizes), swapped=self.swapped)
        self.parameters = read_parameters(self.student, self.layer.handle)

    @property
    def hidden(self) -> list[int]:
        """Widths of the feed-forward network's matrices that attention's cannot have."""
        matrices = (each for each in self.parameters.values() if each.ndim > 1 and not _is_mask(each))
        sizes = {size for each in matrices for size in each.shape}
        return sorted(sizes - _OF_ATTENTION)

    def alone(
        self, *, attention: bool, feed_forward: bool, negated: str | None = None
    ) -> Callable[[Tensor], Tensor]:
        """Return the block with only some of its matrices, no bias, and the signs of one matrix turned."""

        def is_left_out(parameter: Tensor) -> bool:
            if parameter.ndim < 2:
                return not bool((parameter == 1).all())  # a norm's scale stays
            if _is_mask(parameter):
                return False
            is_hidden = bool(set(parameter.shape) & set(self.hidden))
            return not (feed_forward if is_hidden else attention)

        def ask(x: Tensor) -> Tensor:
            left = without(self.parameters, is_left_out)
            left |= {negated: -left[negated]} if negated else {}
            write_parameters(self.student, self.layer.handle, left)
            if self.silence:
                self.silence(not attention)
            try:
                return self.layer.ask(self.student, x)
            finally:
                write_parameters(self.student, self.layer.handle, self.parameters)
                if self.silence:
                    self.silence(False)

        return ask

    def ask(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Return the whole block's output."""
        return self.layer.ask(self.student, x, None if allowed is None else MASKS[self.form](allowed))


@dataclass(frozen=True, slots=True)
class Sublayer:
    """What one sublayer does to x, with the other one silent.

    Attributes:
        added_same: whether what it adds to x is the same for a scaled x, as with a norm before it.
        same: whether the whole output is the same for a scaled x.
        normed: whether the outputs of all tokens have one deviation, as with a norm after it.
        varies: whether the output changes with x at all.
    """

    added_same: bool
    same: bool
    normed: bool
    varies: bool


def read_sublayer(ask: Callable[[Tensor], Tensor], generator: torch.Generator) -> Sublayer:
    """Return what a sublayer does to random tokens and to scaled ones."""
    sizes = torch.linspace(0.5, 3, LENGTH)[:, None]  # of tokens that a norm makes equal
    x = sizes * torch.randn((1, LENGTH, WIDTH), generator=generator)
    other = sizes * torch.randn((1, LENGTH, WIDTH), generator=generator)
    output, scaled = ask(x), ask(SCALE * x)
    added = output - x.double()
    deviations = output.std(-1)
    return Sublayer(
        added_same=_apart(scaled - SCALE * x.double(), added) < SAME,
        same=_apart(scaled, output) < SAME,
        normed=bool((deviations - deviations.mean()).abs().max() < SAME * deviations.mean().clamp_min(1e-9)),
        varies=float((ask(other) - output).abs().max()) > 1e-5,
    )


def expect_residuals(probe: BlockProbe, generator: torch.Generator) -> None:
    """Expect x to reach the output past attention, and past the feed-forward network."""
    for name, ask in (
        ("attention", probe.alone(attention=False, feed_forward=True)),
        ("the feed-forward network", probe.alone(attention=True, feed_forward=False)),
    ):
        if not read_sublayer(ask, generator).varies:
            which = "attention" if name == "attention" else "feed-forward"
            raise Unmet(
                f"When {name} returns zeros, nothing of x reaches the output.",
                expected=f"x itself, added to what {name} returns",
                actual="an output that does not depend on x",
                misconception=f"residual-missing-{which}",
            )


def norm_mixes_tokens(probe: BlockProbe, generator: torch.Generator) -> bool:
    """Return whether a norm takes its mean or deviation over tokens: one's size changes the others."""
    x = torch.randn((1, LENGTH, WIDTH), generator=generator)
    larger = x.clone()
    larger[:, 1] *= SCALE
    ask = probe.alone(attention=False, feed_forward=True)
    before, after = (ask(each)[:, 2:] for each in (x, larger))
    return _apart(after, before) > SAME


def expect_norms(probe: BlockProbe, generator: torch.Generator) -> str:
    """Expect a norm for each sublayer, before it or after it, and return where they are."""
    thinking = read_sublayer(probe.alone(attention=False, feed_forward=True), generator)
    hearing = read_sublayer(probe.alone(attention=True, feed_forward=False), generator)
    if norm_mixes_tokens(probe, generator):
        raise Unmet(
            "Your norm mixes the tokens: a larger token changes what the norm returns for the others.",
            expected="mean and deviation of each token's features",
            actual="mean and deviation over several tokens",
            misconception="norm-over-tokens",
        )
    if thinking.added_same and hearing.added_same:
        return "before each sublayer (pre-norm)"
    if thinking.same and thinking.normed and hearing.normed:
        return "after each sublayer (post-norm)"
    if not (thinking.varies and hearing.varies):
        return "not measured: a residual connection is missing, which block.residual reports"
    missing = [
        name
        for name, found in (("attention", hearing), ("the feed-forward network", thinking))
        if not (found.added_same or found.normed)
    ]
    if len(missing) == 2:
        raise Unmet(
            "Neither attention nor the feed-forward network has a norm before or after it: what is added "
            "to x grows with x.",
            expected="a norm for each of the two",
            actual="none",
            misconception="norms-missing",
        )
    where = missing[0] if missing else "one of the two sublayers"
    raise Unmet(
        f"In your block, {where} has no norm of its own.",
        expected="a norm for each of the two sublayers, before or after both",
        actual="one norm",
        misconception="norm-missing",
    )


def expect_mask(probe: BlockProbe, generator: torch.Generator) -> Tensor:
    """Expect the mask to reach attention: no output hears of a later token, but of earlier ones."""
    x, other = (torch.randn((1, LENGTH, WIDTH), generator=generator) for _ in range(2))
    sizes = influence(lambda x: probe.ask(x, causal(LENGTH)), x, other, inside=1, outside=1)
    if norm_mixes_tokens(probe, generator):
        return sizes  # block.norm reports it
    if hears_later(sizes) > ROUNDING:
        raise Unmet(
            "With a causal mask, the outputs of your block still hear of later tokens.",
            expected="an output depends on its own and earlier tokens alone",
            actual=f"a later token changes it by {hears_later(sizes):.0%} of the largest change",
            misconception="block-drops-mask",
        )
    if hears_others(sizes) <= ROUNDING:
        raise Unmet(
            "In your block no token hears of any other.",
            expected="attention among the tokens",
            misconception="attention-not-used",
        )
    return sizes


def _is_mask(parameter: Tensor) -> bool:
    """Return whether an entry of the state dict is a square of another size than the block's own matrices."""
    rows, columns = parameter.shape[-2:]
    return rows == columns and rows not in _OF_ATTENTION


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm().clamp_min(1e-9))
