"""Exercise 2, the network: shapes, skip connections, time conditioning."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from grader.checks import Evidence, NeedsReview, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.model import Level, Levels
from grader.probes.recorded_graph import Proof, Weights
from grader.sandbox.student import Student

from .network.paths import MIN_COVERAGE, InputPaths
from .network.probe import BATCH, Network, accepts_channels, ignores_out_channels, probe_network


@criterion("unet.shape_1ch")
def check_one_channel(student: Student, network: Network, weights: Weights, evidence: Evidence) -> None:
    """UNet(1, 1) turns a batch of 1 x 28 x 28 images into noise of the same shape."""
    evidence.measure(output_shape=_shape(network), weights=weights.used, loose_weights=weights.loose)
    _expect_shape(student, network, 1, (28, 28))
    if weights.new:
        raise Unmet(
            f"Your network makes layers at every call: {weights.new} of the {weights.used} weights that it "
            "computes with are new and random each time.",
            expected="layers that are made once, with the network",
            actual=f"{weights.new} of {weights.used} weights are made in forward",
            misconception="layers-made-in-forward",
        )
    if weights.loose:
        raise Unmet(
            f"{weights.loose} of the {weights.used} weights that your network computes with are not among "
            "its parameters.",
            expected="all layers in model.parameters()",
            actual=f"{weights.used - weights.loose} of {weights.used} weights",
            misconception="layers-not-registered",
        )


@criterion("unet.shape_3ch")
def check_three_channels(
    student: Student, network: Network, seeded: Seeded, reporter: Reporter, evidence: Evidence
) -> None:
    """UNet(3, 1) turns a batch of 3 x 28 x 28 images into one channel of noise."""
    one = network.output  # a wrong size lost its points there; here the sizes only have to agree
    size = tuple(one.shape[2:]) if isinstance(one, torch.Tensor) else (28, 28)
    known = isinstance(one, torch.Tensor) and not one.isfinite().all()  # reported by unet.shape_1ch
    three = probe_network(student, 3, seeded("three channels"), reporter)
    evidence.measure(output_shape=_shape(three))
    _expect_shape(student, three, 3, size, ignore_numbers=known)
    if ignores_out_channels(student, network, reporter):
        raise Unmet(
            "Your network has one output channel even if out_channels is 2.",
            expected="as many output channels as out_channels says",
            actual="1 output channel for out_channels = 2",
            misconception="out-channels-hard-coded",
        )


def _shape(network: Network) -> list[int] | None:
    return list(network.output.shape) if isinstance(network.output, torch.Tensor) else None


def _expect_shape(
    student: Student,
    network: Network,
    channels: int,
    size: tuple[int, ...],
    *,
    ignore_numbers: bool = False,
) -> None:
    """Expect one channel of this size.

    Args:
        ignore_numbers: overlook NaN and infinity.
    """
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
    bad = ~network.output.isfinite().flatten(1).all(1)
    if bad.any() and not ignore_numbers:
        steps = network.sample[1][bad] if network.sample and not bad.all() else torch.zeros(0)
        where = f" for t = {int(steps[0])}" if len(steps) and (steps == steps[0]).all() else ""
        raise Unmet(f"Your network's output contains NaN or infinity{where}.", misconception="not-finite")


@criterion("unet.skip_level1")
def check_skip_at_full_resolution(input_paths: InputPaths, evidence: Evidence, reporter: Reporter) -> None:
    """Features of the first encoder block reach the decoder at full resolution."""
    if input_paths.maps:
        reporter.show(_diagram(input_paths))
    for note in _notes(input_paths):
        reporter.note(note)
    _expect_skip(input_paths, 0, evidence)


@criterion("unet.skip_level2")
def check_skip_at_half_resolution(input_paths: InputPaths, evidence: Evidence) -> None:
    """Features of the second encoder block reach the decoder at half resolution."""
    _expect_skip(input_paths, 1, evidence)


def _expect_skip(input_paths: InputPaths, level: int, evidence: Evidence) -> None:
    _expect_proof(input_paths)
    if not input_paths.skips:
        raise Unmet(
            "Your network never lowers the resolution: there are no encoder and decoder to connect.",
            expected="28 x 28, 14 x 14, 7 x 7",
            actual="28 x 28 throughout",
            misconception="no-levels",
        )
    if level >= len(input_paths.skips):
        evidence.message = "Your network lowers the resolution only once; that level has its skip connection."
        return _expect_skip(input_paths, level - 1, evidence)
    size = input_paths.maps[level][0] if level < len(input_paths.maps) else 28 >> level
    skip = input_paths.skips[level]
    evidence.actual = f"{skip.share:.0%} of a change at the input reaches the output at {size} x {size}"
    evidence.measure(resolution=size, share=skip.share, strength=skip.strength, coverage=skip.coverage)
    if input_paths.has_skip(level):
        return None
    expected = f"a path from input to output that goes down to {size} x {size} and no further"
    if (last := input_paths.lowest_used) is not None and last < level:
        raise _drops_lower_levels(input_paths, last, expected)
    if skip.share > _NOTHING and skip.coverage <= MIN_COVERAGE:
        raise Unmet(
            f"The skip connection at {size} x {size} carries only a small part of the feature maps: what "
            f"arrives along it reaches about {skip.coverage:.0%} of the output's pixels.",
            expected=expected,
            actual=f"{skip.coverage:.0%} of the pixels",
            misconception="skip-partial",
        )
    if skip.share > _NOTHING:
        raise Unmet(
            f"The skip connection at {size} x {size} carries next to nothing: along it {skip.share:.2%} of a "
            f"change at the input reaches the output.",
            expected=expected,
            actual=f"{skip.share:.2%} of the change",
            misconception="skip-too-weak",
        )
    raise Unmet(
        f"There is no skip connection at {size} x {size}: the decoder gets nothing of the input at this "
        f"resolution.",
        expected=expected,
        actual="no such path",
        misconception=_identify_missing(input_paths, level),
    )


def _drops_lower_levels(input_paths: InputPaths, last: int, expected: str) -> Unmet:
    size = input_paths.maps[last][0]
    return Unmet(
        f"Nothing from below {size} x {size} reaches the output: what the lower levels compute is dropped "
        "there.",
        expected=expected,
        actual=f"no path that goes below {size} x {size}",
        misconception="decoder-dropped",
    )


_NOTHING = 1e-6  # share of a change that is rounding


def _expect_proof(input_paths: InputPaths) -> None:
    """Leave the decision to a person where the network's structure is not proved by its answers.

    Raises:
        NeedsReview: it could not be recorded, or its own answers contradict what was recorded.
    """
    if input_paths.proof is Proof.OPAQUE:
        raise NeedsReview(
            f"The grader cannot see which resolutions your network's output depends on: {input_paths.doubt}. "
            f"Its answers alone do not show that, so a TA has to look at its forward."
        )
    if input_paths.proof is Proof.CONTRADICTED:
        raise NeedsReview(
            f"Your network's answers contradict each other: {input_paths.doubt}, and when it was asked again "
            f"they did not agree either. A TA has to look at its forward.",
            doubts=["unet.time_conditioning"],
        )


def _notes(input_paths: InputPaths) -> Iterator[str]:
    """Yield what a person should know about how the skip connections were measured."""
    if input_paths.proof is Proof.UNREPEATABLE:
        yield (
            "Your network's answers to equal calls differ although the random numbers were seeded. Its skip "
            "connections were measured as far as they agree."
        )
    if input_paths.is_constant:
        yield (
            "Your network's output is the same for every image, so the skip connections were measured before "
            "its last operations. Its answers do not confirm them."
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
def check_output_depends_on_the_step(input_paths: InputPaths, evidence: Evidence, reporter: Reporter) -> None:
    """The output for the same image changes with the step t."""
    conditioning = input_paths.conditioning
    evidence.actual = f"{conditioning.effect:.0%} of the output changes with t"
    evidence.measure(effect_of_t=conditioning.effect)
    if input_paths.is_constant:
        raise Unmet(
            "Your network's output is the same for every image and every step: its last operations discard "
            "what the layers before them computed.",
            expected="an output that changes with the image and with t",
            actual="no change",
            misconception="output-constant",
        )
    if conditioning.is_batch_statistic:
        reporter.note(
            "In eval mode your network's output for an image depends on the other images in its batch. Batch "
            "normalization should use its running statistics there."
        )
    if conditioning.mixes_images:
        raise Unmet(
            "Your network's output for an image depends on the steps of the other images in its batch.",
            expected="the output for an image depends on its own step alone",
            actual="it changes when only the other images' steps change",
            misconception="time-mixed",
        )
    last = input_paths.lowest_used
    if not input_paths.uses_time and last is not None:
        if last + 1 < len(input_paths.skips):
            return  # unet.skip_level2 reports it, and t may enter below
        raise _drops_lower_levels(input_paths, last, "an output that changes with t, which may enter below")
    if not input_paths.uses_time:
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
        known = number < len(input_paths.skips)
        skip = (
            ("found" if input_paths.has_skip(number) else "missing") if known and number != bottom else "none"
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
        caption=f"Measured on what your network computes. {found}",
        levels=levels,
        parameters=input_paths.parameters,
        criteria=["unet.skip_level1", "unet.skip_level2"],
    )
