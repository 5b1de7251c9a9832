"""Exercise 2, the network: shapes, skip connections, time conditioning."""

from __future__ import annotations

import torch

from grader.checks import Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.model import Level, Levels
from grader.sandbox.student import Student

from .network.probe import BATCH, MIN_EFFECT, InputPaths, Network, accepts_channels, probe_network


@criterion("unet.shape_1ch")
def check_one_channel(student: Student, network: Network) -> None:
    """UNet(1, 1) turns a batch of 1 x 28 x 28 images into noise of the same shape."""
    _expect_shape(student, network, 1, (28, 28))


@criterion("unet.shape_3ch")
def check_three_channels(student: Student, network: Network, seeded: Seeded, reporter: Reporter) -> None:
    """UNet(3, 1) turns a batch of 3 x 28 x 28 images into one channel of noise."""
    one = network.output  # a wrong size lost its points there; here the sizes only have to agree
    size = tuple(one.shape[2:]) if isinstance(one, torch.Tensor) else (28, 28)
    _expect_shape(student, probe_network(student, 3, seeded("three channels"), reporter), 3, size)


def _expect_shape(student: Student, network: Network, channels: int, size: tuple[int, ...]) -> None:
    expected = (BATCH, 1, *size)
    if isinstance(network.output, str):
        raise Unmet(
            f"Your network fails on a batch of {channels} x 28 x 28 images: {network.output}",
            expected=f"an output of shape {expected}",
            misconception="in-channels-hard-coded"
            if accepts_channels(student, network, 4 - channels)
            else None,
        )
    actual = tuple(network.output.shape)
    if actual != expected:
        raise Unmet(
            f"Your network's output has shape {actual}, not {expected}.",
            expected=f"{expected}",
            actual=f"{actual}",
            misconception="out-channels-wrong" if actual[1] != expected[1] else "output-size",
        )
    if not torch.isfinite(network.output).all():
        raise Unmet("Your network's output contains NaN or infinity.", misconception="not-finite")


@criterion("unet.skip_level1")
def check_skip_at_full_resolution(input_paths: InputPaths, evidence: Evidence, reporter: Reporter) -> None:
    """Features of the first encoder block reach the decoder at full resolution."""
    reporter.show(_diagram(input_paths))
    _expect_skip(input_paths, 0, evidence)


@criterion("unet.skip_level2")
def check_skip_at_half_resolution(input_paths: InputPaths, evidence: Evidence) -> None:
    """Features of the second encoder block reach the decoder at half resolution."""
    _expect_skip(input_paths, 1, evidence)


def _expect_skip(input_paths: InputPaths, level: int, evidence: Evidence) -> None:
    if not input_paths.skip_effects:
        raise Unmet(
            "Your network never lowers the resolution: there are no encoder and decoder to connect.",
            expected="28 x 28, 14 x 14, 7 x 7",
            actual="28 x 28 throughout",
            misconception="no-levels",
        )
    if level >= len(input_paths.skip_effects):
        evidence.message = "Your network lowers the resolution only once; that level has its skip connection."
        return _expect_skip(input_paths, level - 1, evidence)
    size = input_paths.maps[level][0] if level < len(input_paths.maps) else 28 >> level
    effect = input_paths.skip_effects[level]
    evidence.actual = f"{effect:.0%} of a change at the input reaches the output at {size} x {size}"
    if effect > MIN_EFFECT:
        return None
    raise Unmet(
        f"There is no skip connection at {size} x {size}: the decoder gets nothing of the input at this "
        f"resolution.",
        expected=f"a path from input to output that goes down to {size} x {size} and no further",
        actual="no such path" if effect == 0 else f"{effect:.1e} of the change",
        misconception=_identify_missing(input_paths, level),
    )


def _identify_missing(input_paths: InputPaths, level: int) -> str:
    """Return the misconception behind a missing skip connection, from what is concatenated at its level."""
    joined = [what for at, what in input_paths.concatenations if at == level]
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
def check_output_depends_on_the_step(input_paths: InputPaths, evidence: Evidence) -> None:
    """The output for the same image changes with the step t."""
    evidence.actual = f"{input_paths.time_effect:.0%} of the output changes with t"
    if input_paths.time_effect <= MIN_EFFECT:
        raise Unmet(
            "Your network's output is the same at every step: t is not used.",
            expected="an output that changes with t",
            actual="no change",
            misconception="time-ignored",
        )


def _diagram(input_paths: InputPaths) -> Levels:
    bottom = len(input_paths.maps) - 1
    levels = []
    for number, (height, channels) in enumerate(input_paths.maps):
        known = number < len(input_paths.skip_effects)
        skip = (
            ("found" if input_paths.skip_effects[number] > MIN_EFFECT else "missing")
            if known and number != bottom
            else "none"
        )
        levels.append(Level(resolution=height, channels=channels, skip=skip))
    missing = [f"{level.resolution} x {level.resolution}" for level in levels if level.skip == "missing"]
    found = (
        f"There is no skip connection at {' and '.join(missing)}."
        if missing
        else "Every level has a skip connection."
    )
    return Levels(
        exercise=2,
        title="Your network",
        caption=f"Measured while your network ran. {found}",
        levels=levels,
        parameters=input_paths.parameters,
    )
