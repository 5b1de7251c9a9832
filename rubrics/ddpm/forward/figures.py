"""Turns tensors into the pictures of the report."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from grader.model import Curves, ImageRow, Images, Series
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.readings import READINGS, Reading

from .formulas import IMAGE, NOISE, Mistake, close
from .probe import Forward
from .schedule import MatchedReading

STRIP = (0, 3, 6, 10, 15, 22, 32, 49)
FRAMES = 8  # of the film
_EXACTLY, _MEASURED = 2e-3, 0.03  # how near a curve is that was solved for, and one of standard deviations


def row(label: str, images: Tensor) -> ImageRow:
    """A row of pictures from floats of shape (N, 1, 28, 28), where 0 is black and 1 is white."""
    pixels = images.detach().reshape(-1, *images.shape[-2:]).nan_to_num(0.0, 1.0, 0.0)
    levels = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
    return ImageRow(
        label=label,
        count=levels.shape[0],
        height=levels.shape[1],
        width=levels.shape[2],
        pixels=base64.b64encode(levels.numpy().tobytes()).decode(),
    )


def grid(exercise: int, title: str, caption: str, rows: Sequence[tuple[str, Tensor]]) -> Images:
    """Rows of samples under one title."""
    return Images(exercise=exercise, title=title, caption=caption, rows=[row(*labelled) for labelled in rows])


def diffusion_strip(forward: Forward, judged: MatchedReading, truth: NoiseDiffuser) -> Images:
    """One digit at eight steps: as the student's coefficients noise it, and as the reference's do, same
    noise.
    """
    image = digits.load_digits28("held-out")[0][0].double()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alpha_bar, steps = truth.alpha_bar.double(), list(STRIP)
    yours = [forward.image[t] * image + forward.noise[t] * noise for t in steps]
    reading = judged.reading
    right = [reading.signal(alpha_bar[t]) * image + reading.noise(alpha_bar[t]) * noise for t in steps]
    apart = (torch.stack(yours) - torch.stack(right)).abs().nan_to_num(1.0)
    farthest = steps[int(apart.flatten(1).mean(dim=1).argmax())]
    differs = not judged.accepted and bool((apart > 0.02).any())
    found = (
        f"fades unlike the reference's, most of all at t = {farthest}"
        if differs
        else "looks like the reference's at every step"
    )
    rows = [row("yours", torch.stack(yours)), row("reference", torch.stack(right))]
    return Images(
        exercise=1,
        title="Forward diffusion of one digit",
        caption=f"With your coefficients the digit {found}.",
        rows=[*rows, row("difference", apart)] if differs else rows,
        columns=[f"t = {t}" for t in steps],
    )


def coefficient_curves(forward: Forward, judged: MatchedReading, truth: NoiseDiffuser) -> Iterator[Curves]:
    """The two recovered coefficients at every step, among the accepted readings and a recognised mistake."""
    exact = not judged.scaled and bool((forward.likeness.abs() > 0.999).all())
    noise = forward.ratio.abs() if exact else forward.noise
    schedule = truth.curves()
    image_by = [(reading, reading.signal(schedule[2])) for reading in READINGS.values()]
    noise_by = [(reading, reading.noise(schedule[2])) for reading in READINGS.values()]
    mistaken = _recognised(forward.image, IMAGE, schedule, _EXACTLY)
    title = "a(t), the strength of the image"
    yield _coefficient(title, "a(t)", judged, forward.image, image_by, mistaken, _EXACTLY)
    within = _EXACTLY if exact else _MEASURED
    mistaken = _recognised(noise, NOISE, schedule, within)
    yield _coefficient("b(t), the strength of the noise", "b(t)", judged, noise, noise_by, mistaken, within)


def _recognised(
    own: Tensor, mistakes: Sequence[Mistake], schedule: tuple[Tensor, Tensor, Tensor], within: float
) -> Tensor | None:
    curves = (mistake.formula(*schedule) for mistake in mistakes)
    return next((curve for curve in curves if close(own, curve, within)), None)


def _coefficient(
    title: str,
    name: str,
    judged: MatchedReading,
    own: Tensor,
    readings: Sequence[tuple[Reading, Tensor]],
    mistaken: Tensor | None,
    within: float,
) -> Curves:
    right = next(curve for reading, curve in readings if reading is judged.reading)
    others = [(reading, curve) for reading, curve in readings if reading is not judged.reading]
    series = [
        Series(label="yours", y=_rounded(own), role="student"),
        Series(label=judged.reading.title, y=_rounded(right), role="reference"),
        *(Series(label=reading.title, y=_rounded(curve), role="accepted") for reading, curve in others),
    ]
    like = next((reading.title for reading, curve in others if close(own, curve, within)), None)
    if judged.accepted or close(own, right, within):
        found = f"follows {judged.reading.title} at every step"
    else:
        apart = (own - right).abs().nan_to_num(0.0)
        found = f"departs from {judged.reading.title}, most of all at t = {int(apart.argmax())}"
        if like:
            found += f"; it is that of {like}, with which the other coefficient does not go"
        if mistaken is not None:
            series.append(Series(label="the recognised mistake", y=_rounded(mistaken), role="mistake"))
            found += f"{', and' if like else '; it is'} that of the recognised mistake"
    return Curves(
        exercise=1,
        title=title,
        caption=f"Your {name} {found}.",
        x_label="step t",
        y_label=name,
        series=series,
    )


def film(frames: Sequence[Tensor]) -> Images:
    """How one sample came out of noise: eight of the frames from x_T to x_0, each (1, 28, 28)."""
    total = len(frames) - 1
    shown = [round(place * total / (FRAMES - 1)) for place in range(FRAMES)]
    return Images(
        exercise=3,
        title="From noise to a digit",
        caption="The first sample of the first seed on its way through your sampler, with the reference's "
        f"trained network: {total} steps from x_T, which is noise, to x_0.",
        rows=[row("your sampler", torch.stack([frames[number] for number in shown]))],
        columns=[f"x_{total - number}" for number in shown],
    )


def _rounded(curve: Tensor) -> list[float]:
    """Values for a curve; what is no number, or is beyond all bounds, is a gap."""
    return [round(value, 5) if abs(value) < 1e6 else math.nan for value in curve.tolist()]
