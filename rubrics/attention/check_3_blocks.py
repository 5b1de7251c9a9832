"""Exercise 3: the positional encoding, and the block of attention and a feed-forward network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.checks import Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.model import Curves, Series
from grader.probes.answers import of_shape
from grader.probes.figures import curve_values
from grader.sandbox.student import Student

from . import blocks, feed_forward
from .blocks import BlockProbe
from .interface import build, call, describe_result, first_working, is_class, tensor_in
from .positions import ACCEPTED, SIZES, identify, is_accepted
from .stand_ins import Parts


@criterion("position.formula")
def check_positions_are_sines_and_cosines(
    student: Student, need: Callable[[str], None], evidence: Evidence, reporter: Reporter
) -> None:
    """Position p is encoded by sin and cos of p / 10000^(2i/d), for i = 0, 1, … d/2 − 1."""
    need("positional_encoding")
    encodings = [_encoding(student, length, width) for length, width in SIZES]
    evidence.measure(encoding=encodings[0])
    reporter.show(_figure(encodings[0]))
    for name in ACCEPTED:
        if all(is_accepted(name, each) for each in encodings):
            evidence.reading = name
            return
    bad = next(each for each in encodings if not _is_right(each))
    right = ACCEPTED["interleaved"](*bad.shape)
    apart = (bad - right).abs().nan_to_num(2.0)
    position, feature = divmod(int(apart.argmax()), bad.shape[1])
    raise Unmet(
        f"At position {position}, number {feature} of your encoding is {float(bad[position, feature]):.3f}; "
        f"expected {float(right[position, feature]):.3f}.",
        expected=f"{float(right[position, feature]):.3f}",
        actual=f"{float(bad[position, feature]):.3f}",
        misconception=identify(encodings),
    )


def _encoding(student: Student, length: int, width: int) -> Tensor:
    if is_class(student, "positional_encoding"):
        return _added_encoding(student, length, width)
    result = call(student, "positional_encoding", {"length": length, "d_model": width})
    return _read_encoding(result, length, width)


def _added_encoding(student: Student, length: int, width: int) -> Tensor:
    """Return what a class adds to zeros, (1, length, width), or (length, 1, width) if that is right."""
    module = build(student, "positional_encoding", {"length": length, "d_model": width})

    def added(zeros: Tensor) -> Tensor:
        return _read_encoding(student.call(module, zeros, seed=0, grad=False), length, width)

    def added_to_places_first() -> Tensor:
        found = added(torch.zeros(length, 1, width))
        if not _is_right(found):
            raise Unmet("An encoding for examples first.")
        return found

    return first_working([added_to_places_first, lambda: added(torch.zeros(1, length, width))])


def _read_encoding(result: Any, length: int, width: int) -> Tensor:
    for shape in ((length, width), (1, length, width), (length, 1, width)):
        if (found := tensor_in(result, shape)) is not None:
            return found.reshape(length, width)
    plain = of_shape(result, (width, length))
    transposed = bool(plain.isfinite().all()) and width != length
    raise Unmet(
        f"positional_encoding({length}, {width}) returns {describe_result(result)}.",
        expected=f"a tensor of shape ({length}, {width})",
        actual=describe_result(result),
        misconception="encoding-transposed" if transposed else "encoding-shape",
    )


def _is_right(encoding: Tensor) -> bool:
    return any(is_accepted(name, encoding) for name in ACCEPTED)


def _figure(encoding: Tensor) -> Curves:
    right = ACCEPTED["interleaved"](*encoding.shape)
    return Curves(
        exercise=3,
        title="Positional encoding",
        caption="The third number of the encoding at each position: yours, and sin(p / 10000^(2/d)).",
        x_label="position p",
        y_label="encoding",
        series=[
            Series(label="expected", y=curve_values(right[:, 2]), role="reference"),
            Series(label="yours", y=curve_values(encoding[:, 2]), role="student"),
        ],
    )


@criterion("block.residual")
def check_x_is_added(block: Parts[BlockProbe], seeded: Seeded) -> None:
    """x is added to what attention returns, and to what the feed-forward network returns."""
    block.expect(lambda each: blocks.expect_residuals(each, seeded("residual")))


@criterion("block.norm")
def check_each_sublayer_has_a_norm(block: Parts[BlockProbe], seeded: Seeded, evidence: Evidence) -> None:
    """Attention and the feed-forward network have a norm each, before or after them."""
    evidence.actual = block.expect(lambda each: blocks.expect_norms(each, seeded("norm")))


@criterion("block.feed_forward")
def check_the_feed_forward_network_bends(
    block: Parts[BlockProbe], seeded: Seeded, evidence: Evidence
) -> None:
    """A feed-forward network of width d_ff with an activation works on every token by itself."""
    bend = block.expect(lambda each: feed_forward.expect_feed_forward(each, seeded("feed forward")))
    evidence.measure(bend=bend)


@criterion("block.mask")
def check_the_block_passes_the_mask_on(block: Parts[BlockProbe], seeded: Seeded, evidence: Evidence) -> None:
    """With a causal mask no output of the block hears of a later token."""
    sizes = block.expect(lambda each: blocks.expect_mask(each, seeded("block mask")))
    evidence.measure(influence=sizes)
