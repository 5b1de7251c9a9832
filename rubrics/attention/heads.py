"""Expectations on a student's MultiHeadAttention, asked by what it computes.

Heads are counted without reading the code. Of two tokens x + δ and x, the second one's output differs from
that of x alone by Σ_h a_h W_h δ: in each head a share a_h, between 0 and 1, of the difference that the head's
values make. With one δ and many x only the shares change, so these differences span as many dimensions as
there are heads. No mask is needed, and one that the layer applies by itself changes nothing.

With one head the share itself is read off, and its log-odds are linear in the query x and in δ: unit vectors
give the matrix of that bilinear form, W_qᵀ W_k.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.dependence import ROUNDING, hears_later, hears_others, influence, permutation_error
from grader.probes.parameters import have_effect, read_parameters
from grader.sandbox.student import Student

from .interface import MASKS, Layer, build_layer, causal

BATCH, LENGTH, WIDTH = 2, 7, 16
_MANY = 24  # queries whose shares span the heads' directions
_RANK = (
    1e-3  # singular values below this share of the largest are rounding; those of a head were 0.05 or more
)
_MIXED = 1e-3  # share up to which coordinates have nothing to do with each other


@dataclass(frozen=True, slots=True)
class Heads:
    """A student's MultiHeadAttention in a worker.

    Attributes:
        student: the worker.
        form: form of a mask, by its name in ``interface.MASKS``.
        swapped: whether it takes places first and examples second.
    """

    student: Student
    form: str
    swapped: bool = False

    def build(self, heads: int, width: int = WIDTH) -> Layer:
        """Build it anew."""
        layer = build_layer(self.student, "MultiHeadAttention", {"d_model": width, "num_heads": heads})
        return replace(layer, swapped=self.swapped)

    def ask(self, layer: Layer, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Return the output for x with a mask."""
        return layer.ask(self.student, x, None if allowed is None else MASKS[self.form](allowed))


def expect_tokens_apart(heads: Heads, generator: torch.Generator) -> bool:
    """Expect that without a mask the order of tokens does not matter, or at most by a causal mask of its own.

    Returns:
        Whether the layer masks later tokens by itself.
    """
    layer = heads.build(4)
    x = torch.randn((BATCH, LENGTH, WIDTH), generator=generator)
    order = torch.randperm(LENGTH, generator=generator)
    error = permutation_error(lambda x: heads.ask(layer, x), x, order, dim=1)
    if error <= ROUNDING:
        return False
    if _masks_by_itself(heads, layer, x):
        return True
    raise Unmet(
        f"When the tokens change places, your outputs do not just change places with them: they differ "
        f"by {error:.0%}.",
        expected="the same outputs in another order",
        actual=f"a difference of {error:.0%}",
        misconception="heads-split-across-tokens",
    )


def _masks_by_itself(heads: Heads, layer: Layer, x: Tensor) -> bool:
    """Return whether every output hears of all earlier tokens, in whatever order, and of no later one."""
    sizes = influence(lambda x: heads.ask(layer, x), x, x.flip(1) + 1, inside=1, outside=1)
    if hears_later(sizes) > ROUNDING or bool((sizes < ROUNDING).triu().any()):
        return False
    before = heads.ask(layer, x)
    for place in range(2, LENGTH):
        turned = torch.cat([x[:, :place].flip(1), x[:, place:]], dim=1)
        change = heads.ask(layer, turned)[:, place:] - before[:, place:]
        if not float(change.norm() / before[:, place:].norm()) <= ROUNDING:
            return False
    return True


def expect_examples_apart(heads: Heads, generator: torch.Generator) -> None:
    """Expect that no example of a batch hears of another."""
    layer = heads.build(2)
    x, other = (torch.randn((3, LENGTH, WIDTH), generator=generator) for _ in range(2))
    sizes = influence(lambda x: heads.ask(layer, x), x, other, inside=0, outside=0)
    if hears_others(sizes) > ROUNDING:
        raise Unmet(
            "Your outputs for one text change when another text of the batch changes.",
            expected="attention among the tokens of one text",
            actual="attention among the texts of a batch",
            misconception="attends-over-batch",
        )


def count_heads(heads: Heads, number: int, generator: torch.Generator) -> tuple[int, Tensor]:
    """Return how many heads answer for ``num_heads = number``, and a basis of what they change, (n, d)."""
    layer = heads.build(number)
    x = 2 * torch.randn((_MANY, WIDTH), generator=generator)
    delta = 2 * torch.randn(WIDTH, generator=generator)
    heard, _ = _second_of_two(heads, layer, x, delta.expand_as(x))
    spread = heard - heard.mean(0)
    _, sizes, directions = torch.linalg.svd(spread.nan_to_num(0, 0, 0), full_matrices=False)
    found = int((sizes > _RANK * sizes[0].clamp_min(1e-12)).sum()) if sizes[0] > 1e-9 else 0
    return found, directions[:found]


def _second_of_two(heads: Heads, layer: Layer, x: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the second of the tokens x + δ and x hears of δ, and what it would hear in full, (n, d)."""
    pairs = torch.stack([x + delta, x], dim=1)
    alone = heads.ask(layer, pairs.flatten(0, 1)[:, None]).view(pairs.shape)
    return heads.ask(layer, pairs)[:, 1] - alone[:, 1], alone[:, 0] - alone[:, 1]


def count_weights(heads: Heads, generator: torch.Generator) -> tuple[int, int]:
    """Return how many numbers in matrices change the output, and how many four linear maps have."""
    layer = heads.build(4)
    x = torch.randn((BATCH, LENGTH, WIDTH), generator=generator)
    parameters = read_parameters(heads.student, layer.handle)
    used = (
        value.numel()
        for name, value in parameters.items()
        if value.ndim > 1
        and have_effect(heads.student, layer.handle, parameters, {name}, lambda: heads.ask(layer, x))
    )
    return sum(used), 4 * WIDTH**2


def mixes_heads(directions: Tensor) -> bool:
    """Return whether every coordinate of the output hears every head.

    Without a projection each head has coordinates of its own, so the projector onto what the heads change
    falls into blocks.

    Args:
        directions: orthonormal rows, (n, d).
    """
    linked = (directions.T @ directions).abs() > _MIXED
    reached = linked[0].clone()
    for _ in range(len(linked)):
        reached = linked[reached].any(0) | reached if reached.any() else reached
    return bool(reached.all())


def bilinear_form(heads: Heads) -> Tensor:
    """Return W_qᵀ W_k / √d of a single head, float64 (8, 8), in the coordinates of the tokens."""
    width, size = 8, 0.5
    layer = heads.build(1, width)
    units = size * torch.eye(width)
    queries = torch.cat([units, torch.zeros(1, width)])
    x = queries.repeat_interleave(width, dim=0)  # each query with each δ
    heard, full = _second_of_two(heads, layer, x, units.repeat(width + 1, 1))
    share = (heard * full).sum(-1) / full.square().sum(-1).clamp_min(1e-30)
    odds = torch.logit(share.clamp(1e-9, 1 - 1e-9)).view(width + 1, width)
    return (odds[:-1] - odds[-1]) / size**2


def expect_mask_passed_on(heads: Heads, generator: torch.Generator) -> Tensor:
    """Expect that with a causal mask no output hears of a later token; return who hears whom."""
    layer = heads.build(2)
    x, other = (torch.randn((1, LENGTH, WIDTH), generator=generator) for _ in range(2))
    sizes = influence(lambda x: heads.ask(layer, x, causal(LENGTH)), x, other, inside=1, outside=1)
    later = hears_later(sizes)
    if later > ROUNDING:
        raise Unmet(
            "With a causal mask, your outputs still hear of later tokens.",
            expected="an output depends on its own and earlier tokens alone",
            actual=f"a later token changes it by {later:.0%} of the largest change",
            misconception="mask-not-passed",
        )
    return sizes


def mixes_first_dimension(heads: Heads) -> bool:
    """Return whether attention is along the first dimension of x, and not along the second."""
    layer = heads.build(2)
    generator = torch.Generator().manual_seed(1)
    x, other = (torch.randn((3, 3, WIDTH), generator=generator) for _ in range(2))

    def others(dim: int) -> float:
        return hears_others(influence(lambda x: heads.ask(layer, x), x, other, inside=dim, outside=dim))

    return others(0) > ROUNDING >= others(1)
