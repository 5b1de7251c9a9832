"""Expectations on the feed-forward network of a student's TransformerBlock, with attention silenced."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grader.checks import Unmet
from grader.probes.dependence import ROUNDING, hears_others, influence

from .blocks import HIDDEN, LENGTH, SAME, WIDTH, BlockProbe, norm_mixes_tokens, read_sublayer

_LINEAR = 0.01  # share that rounding explains; with tanh, GELU and ReLU it was 0.04 or more


def expect_feed_forward(probe: BlockProbe, generator: torch.Generator) -> float:
    """Expect a feed-forward network that bends, token by token, and return by how much.

    Three tokens u, v and (u + v) / √2 of one size and mean are scaled equally by a norm. If the network is
    linear, the third output lies in the plane of the other two, wherever the norms are.
    """
    if not probe.hidden:
        raise Unmet(
            "Your block has no matrices besides those of attention.",
            expected=f"matrices from {WIDTH} to {HIDDEN} and back",
            actual="none",
            misconception="feed-forward-missing",
        )
    if HIDDEN not in probe.hidden:
        raise Unmet(
            f"For d_ff = {HIDDEN} your feed-forward network has a width of {probe.hidden[0]}.",
            expected=f"a width of {HIDDEN}",
            actual=f"{probe.hidden[0]}",
            misconception="d-ff-ignored",
        )
    ask = probe.alone(attention=False, feed_forward=True)
    bend = _bend(ask, generator)
    if norm_mixes_tokens(probe, generator):
        return bend  # block.norm reports it
    if bend < _LINEAR and not read_sublayer(ask, generator).varies:
        return bend  # x does not reach it past attention, which block.residual reports
    if bend < _LINEAR:
        raise Unmet(
            "Your feed-forward network is linear: it has no activation between its two matrices.",
            expected="an activation such as ReLU or GELU",
            actual="a sum of tokens gives the sum of their outputs",
            misconception="activation-missing",
        )
    x, other = (torch.randn((1, LENGTH, WIDTH), generator=generator) for _ in range(2))
    if hears_others(influence(ask, x, other, inside=1, outside=1)) > ROUNDING:
        raise Unmet(
            "Your feed-forward network mixes the tokens.",
            expected="the same network for every token by itself",
            misconception="feed-forward-mixes",
        )
    if not _ends_linearly(probe, x):
        raise Unmet(
            "Your feed-forward network does not end with a linear layer.",
            expected="a linear layer, an activation, a linear layer",
            actual="an activation at the end",
            misconception="activation-last",
        )
    return bend


def _ends_linearly(probe: BlockProbe, x: Tensor) -> bool:
    """Return whether turning the signs of some matrix turns the sign of what the network adds to x.

    The two sums x + f and x - f, each normed or not, then have x in their plane.
    """
    base = probe.alone(attention=False, feed_forward=False)(x)
    if base.std() < SAME:
        return True  # x does not reach the output, which block.residual reports
    added = probe.alone(attention=False, feed_forward=True)(x)
    for name, parameter in probe.parameters.items():
        if parameter.ndim > 1 and HIDDEN in parameter.shape:
            taken = probe.alone(attention=False, feed_forward=True, negated=name)(x)
            spans = torch.stack([added, taken, torch.ones_like(added)], dim=-1)[0]
            rest = base[0, ..., None] - spans @ torch.linalg.lstsq(spans, base[0, ..., None]).solution
            if float(rest.norm() / base.norm()) < SAME:
                return True
    return False


def _bend(ask: Callable[[Tensor], Tensor], generator: torch.Generator) -> float:
    """Return how far outputs of sums leave the plane of their terms' outputs, as a share of the change."""
    rows = []
    for _ in range(4):
        drawn = torch.randn((WIDTH, 2), generator=generator, dtype=torch.float64)
        pair = torch.linalg.qr(drawn - drawn.mean(0)).Q.T * WIDTH**0.5
        rows.append(torch.cat([pair, pair.sum(0, keepdim=True) / 2**0.5]))
    x = torch.stack(rows).float()
    output = ask(x)
    found = []
    for given, (first, second, third) in zip(x.double(), output.nan_to_num(0, 0, 0), strict=True):
        plane = torch.linalg.qr(torch.stack([first, second], dim=1)).Q
        off = third - plane @ (plane.T @ third)
        found.append(float(off.norm() / (third - given[2]).norm().clamp_min(1e-12)))
    return sum(found) / len(found)
