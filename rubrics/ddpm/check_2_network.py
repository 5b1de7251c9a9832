"""Exercise 2, the network: shapes, skip connections, the step."""

from __future__ import annotations

import torch

from grader.checks import Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.model import Level, Levels
from grader.sandbox.student import Student

from .network.probe import AUDIBLE, BATCH, InputPaths, Network, examine, takes


@criterion("unet.shape_1ch")
def check_one_channel(student: Student, network: Network) -> None:
    """UNet(1, 1) turns a batch of 1 x 28 x 28 images into noise of the same shape."""
    _expect_shape(student, network, 1, (28, 28))


@criterion("unet.shape_3ch")
def check_three_channels(student: Student, network: Network, seeded: Seeded, reporter: Reporter) -> None:
    """UNet(3, 1) turns a batch of 3 x 28 x 28 images into one channel of noise."""
    one = network.output  # a wrong size was charged there; it only has to be the same
    size = tuple(one.shape[2:]) if isinstance(one, torch.Tensor) else (28, 28)
    _expect_shape(student, examine(student, 3, seeded("three channels"), reporter), 3, size)


def _expect_shape(student: Student, network: Network, channels: int, size: tuple[int, ...]) -> None:
    expected = (BATCH, 1, *size)
    if isinstance(network.output, str):
        raise Unmet(
            f"The network fails on a batch of {channels} x 28 x 28 images: {network.output}",
            expected=f"an output of shape {expected}",
            misconception="in-channels-hard-coded" if takes(student, network, 4 - channels) else None,
        )
    actual = tuple(network.output.shape)
    if actual != expected:
        raise Unmet(
            f"The output has shape {actual}.",
            expected=f"{expected}",
            actual=f"{actual}",
            misconception="out-channels-wrong" if actual[1] != expected[1] else "output-size",
        )
    if not torch.isfinite(network.output).all():
        raise Unmet(
            "The output holds values that are not numbers (NaN or infinity).", misconception="not-finite"
        )


@criterion("unet.skip_level1")
def check_skip_at_full_resolution(paths: InputPaths, evidence: Evidence, reporter: Reporter) -> None:
    """Features of the first encoder block reach the decoder at full resolution."""
    reporter.show(_drawn(paths))
    _expect_skip(paths, 0, evidence)


@criterion("unet.skip_level2")
def check_skip_at_half_resolution(paths: InputPaths, evidence: Evidence) -> None:
    """Features of the second encoder block reach the decoder at half resolution."""
    _expect_skip(paths, 1, evidence)


def _expect_skip(paths: InputPaths, level: int, evidence: Evidence) -> None:
    if not paths.heard:
        raise Unmet(
            "The network never lowers the resolution: there are no encoder and decoder for a skip to join.",
            expected="28 x 28, 14 x 14, 7 x 7",
            actual="28 x 28 throughout",
            misconception="no-levels",
        )
    if level >= len(paths.heard):
        evidence.message = (
            "The network goes down only once; the level that it has is joined by its skip connection."
        )
        return _expect_skip(paths, level - 1, evidence)
    size = paths.maps[level][0] if level < len(paths.maps) else 28 >> level
    evidence.actual = (
        f"{paths.heard[level]:.0%} of a change at the input reaches the output at {size} x {size}"
    )
    if paths.heard[level] > AUDIBLE:
        return None
    raise Unmet(
        f"There is no skip connection at {size} x {size}: nothing of the input reaches the decoder "
        f"at this resolution.",
        expected=f"a way from input to output that goes down to {size} x {size} and no further",
        actual="none" if paths.heard[level] == 0 else f"{paths.heard[level]:.1e} of the change",
        misconception=_why_missing(paths, level),
    )


def _why_missing(paths: InputPaths, level: int) -> str:
    """The misconception behind a missing skip connection, from what is concatenated at its level."""
    joined = [what for at, what in paths.joins if at == level]
    for what, id in _JOINED.items():
        if what in joined:
            return id
    return "skip-missing"


_JOINED = {
    "placeholder": "skip-placeholder",
    "zeros": "skip-times-zero",
    "copy": "skip-of-itself",
    "constant": "skip-constant",
    "map": "skip-from-elsewhere",
}


@criterion("unet.time_conditioning")
def check_output_depends_on_the_step(paths: InputPaths, evidence: Evidence) -> None:
    """The same image at another step gives another output."""
    evidence.actual = f"{paths.by_time:.0%} of the output changes with the step"
    if paths.by_time <= AUDIBLE:
        raise Unmet(
            "The network's output is the same at every step: t is not used.",
            expected="an output that changes with t",
            actual="no change",
            misconception="time-ignored",
        )


def _drawn(paths: InputPaths) -> Levels:
    bottom = len(paths.maps) - 1
    levels = []
    for number, (height, channels) in enumerate(paths.maps):
        known = number < len(paths.heard)
        skip = (
            ("found" if paths.heard[number] > AUDIBLE else "missing")
            if known and number != bottom
            else "none"
        )
        levels.append(Level(resolution=height, channels=channels, skip=skip))
    missing = [f"{level.resolution} x {level.resolution}" for level in levels if level.skip == "missing"]
    found = (
        f"no skip connection at {' and '.join(missing)}"
        if missing
        else "every level is joined by a skip connection"
    )
    return Levels(
        exercise=2,
        title="Your network",
        caption=f"As it really ran: {found}.",
        levels=levels,
        parameters=paths.parameters,
    )
