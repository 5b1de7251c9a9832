"""Figures of the report: images, the forward process, and the path of a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from grader.model import Curves, Images, Series
from grader.probes.figures import curve_values, row
from grader.probes.formulas import Mistake, close
from reference import digits
from reference.diffuser import NoiseDiffuser
from reference.readings import READINGS, Reading

from ..edition import DENOISER
from .formulas import IMAGE, NOISE
from .probe import Forward
from .schedule import MatchedReading

STRIP = (0, 3, 6, 10, 15, 22, 32, 49)
FRAMES = 8  # of the path of a sample
_EXACT, _MEASURED = 2e-3, 0.03  # tolerances of a curve that was solved for, and of standard deviations


def diffusion_strip(
    forward: Forward, reading_match: MatchedReading, reference_diffuser: NoiseDiffuser
) -> Images:
    """Return a digit at eight steps, noised with the student's and with the reference's coefficients."""
    image = digits.load_digits28("held-out")[0][0].double()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alpha_bar, steps = reference_diffuser.alpha_bar.double(), list(STRIP)
    yours = [forward.image[t] * image + forward.noise[t] * noise for t in steps]
    reading = reading_match.reading
    right = [reading.signal(alpha_bar[t]) * image + reading.noise(alpha_bar[t]) * noise for t in steps]
    apart = (torch.stack(yours) - torch.stack(right)).abs().nan_to_num(1.0)
    farthest = steps[int(apart.flatten(1).mean(dim=1).argmax())]
    differs = not reading_match.accepted and bool((apart > 0.02).any())
    found = (
        f"fades differently from the reference's, most of all at t = {farthest}"
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
        criteria=["forward.image_coefficient", "forward.noise_coefficient"],
    )


def coefficient_curves(
    forward: Forward, reading_match: MatchedReading, reference_diffuser: NoiseDiffuser
) -> Iterator[Curves]:
    """Yield the recovered coefficients, with the accepted formulations and a recognised mistake."""
    exact = not reading_match.scaled and bool((forward.correlation.abs() > 0.999).all())
    noise = forward.ratio.abs() if exact else forward.noise
    schedule = reference_diffuser.curves()
    image_by = [(reading, reading.signal(schedule[2])) for reading in READINGS.values()]
    noise_by = [(reading, reading.noise(schedule[2])) for reading in READINGS.values()]
    mistaken = _recognised(forward.image, IMAGE, schedule, _EXACT)
    yield _coefficient("image", "a(t)", reading_match, forward.image, image_by, mistaken, _EXACT)
    within = _EXACT if exact else _MEASURED
    mistaken = _recognised(noise, NOISE, schedule, within)
    yield _coefficient("noise", "b(t)", reading_match, noise, noise_by, mistaken, within)


def _recognised(
    own: Tensor, mistakes: Sequence[Mistake], schedule: tuple[Tensor, Tensor, Tensor], within: float
) -> Tensor | None:
    curves = (mistake.formula(*schedule) for mistake in mistakes)
    return next((curve for curve in curves if close(own, curve, within)), None)


def _coefficient(
    part: str,
    name: str,
    reading_match: MatchedReading,
    own: Tensor,
    readings: Sequence[tuple[Reading, Tensor]],
    mistaken: Tensor | None,
    within: float,
) -> Curves:
    right = next(curve for reading, curve in readings if reading is reading_match.reading)
    others = [(reading, curve) for reading, curve in readings if reading is not reading_match.reading]
    series = [
        Series(label="yours", y=curve_values(own), role="student"),
        Series(label=reading_match.reading.title, y=curve_values(right), role="reference"),
        *(Series(label=reading.title, y=curve_values(curve), role="accepted") for reading, curve in others),
    ]
    like = next((reading.title for reading, curve in others if close(own, curve, within)), None)
    if reading_match.accepted or close(own, right, within):
        found = f"follows {reading_match.reading.title} at every step"
    else:
        apart = (own - right).abs().nan_to_num(0.0)
        found = f"differs from {reading_match.reading.title}, most of all at t = {int(apart.argmax())}"
        if like:
            found += f"; it matches {like}, which does not fit your other coefficient"
        if mistaken is not None:
            series.append(Series(label="the recognised mistake", y=curve_values(mistaken), role="mistake"))
            found += f"{', and' if like else '; it matches'} the recognised mistake"
    return Curves(
        exercise=1,
        title=f"{name}, the coefficient of the {part}",
        caption=f"Your {name} {found}.",
        x_label="step t",
        y_label=name,
        series=series,
        criteria=[f"forward.{part}_coefficient"],
    )


def film(frames: Sequence[Tensor]) -> Images:
    """Return eight frames of a sample on its way from x_T to x_0, each (1, 28, 28)."""
    total = len(frames) - 1
    shown = [round(place * total / (FRAMES - 1)) for place in range(FRAMES)]
    return Images(
        exercise=3,
        title="From noise to a digit",
        caption=f"The first sample of the first seed: your sampler with {DENOISER}, in {total} steps "
        "from the noise x_T to the image x_0.",
        rows=[row("your sampler", torch.stack([frames[number] for number in shown]))],
        columns=[f"x_{total - number}" for number in shown],
        criteria=["sample.quality"],
    )
