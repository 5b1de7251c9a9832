"""Expectations without which nothing can be measured in a forward process."""

from __future__ import annotations

import torch

from grader.checks import Unmet
from reference.readings import READINGS

from .probe import Forward
from .randomness import is_same_noise
from .schedule import MatchedReading


def expect_finite(forward: Forward) -> None:
    """Expect numbers; without them nothing else can be measured."""
    if forward.diffused.isfinite().all():
        return
    bad = [step for step, x in enumerate(forward.diffused) if not x.isfinite().all()]
    where = (
        "at every step" if len(bad) == len(forward.diffused) else f"at {len(bad)} steps, first at {bad[0]}"
    )
    raise Unmet(
        f"Your x_t contains NaN or infinity {where}.",
        expected="a sum of image and noise, each times its coefficient",
        actual=f"NaN or infinity {where}",
        misconception="not-finite",
    )


def expect_the_same_again(forward: Forward) -> None:
    """Expect a repeated call, with the same random numbers, to give the same x_t."""
    if forward.changes:
        raise Unmet(
            "Your x_t changes from call to call, even for the same image, step and seed, so its "
            "coefficients cannot be measured.",
            expected="an x_t that depends on image, step and noise alone",
            actual="another x_t when the same call is repeated",
            misconception="result-changes",
        )


def expect_a_mixture(forward: Forward) -> None:
    """Expect x_t to be more than the image, times one number at all steps."""
    if forward.noiseless and forward.is_untouched:
        factor = forward.image[0].item()
        raise Unmet(
            "Your x_t is the image itself at every step: it does not fade, and no noise is added."
            if abs(factor - 1) < 2e-3
            else f"Your x_t is the image times {factor:.2f} at every step, and no noise is added.",
            expected="a sum of image and noise, whose coefficients change with the step",
            actual="the image alone",
        )


def expect_the_image_itself(forward: Forward, match: MatchedReading) -> None:
    """Expect x_t to be made of the image, not of a multiple of it with a constant."""
    if rescaling := find_rescaling(forward, match):
        factor, shift = (round(number, 2) + 0.0 for number in rescaling)
        made_of = f"{factor:g}·image {'+' if shift > 0 else '−'} {abs(shift):g}"
        raise Unmet(
            f"Your x_t is made of {made_of}, not of the image that noise_diffusion is given.",
            expected="the image, times its coefficient",
            actual=made_of,
            misconception="image-rescaled",
        )


def find_rescaling(forward: Forward, match: MatchedReading) -> tuple[float, float] | None:
    """Return f and d where f·image + d takes the image's place in x_t; None if d is 0 or differs by step.

    A constant of x_t then has the image's coefficient as a factor. Measured on 12,544 pixels of noise it has
    a standard error of 0.009.
    """
    for reading in READINGS.values():
        for alpha_bar in match.alpha_bars:
            signal = reading.signal(alpha_bar)
            visible = signal > 0.2
            factors, shifts = (
                forward.image[visible] / signal[visible],
                forward.offset[visible] / signal[visible],
            )
            even = len(factors) > 2 and factors.std() < 2e-3 * factors.mean().abs() and shifts.std() < 0.03
            if even and abs(shifts.mean()) > 0.1:
                return factors.mean().item(), shifts.mean().item()
    return None


def identify_returned(forward: Forward) -> str:
    """Return the misconception by which something else than the added noise is returned."""
    assert forward.returned is not None
    images = forward.images.expand(forward.returned.shape)
    if bool((forward.correlation < -0.999).all()):
        return "noise-negated"
    if torch.allclose(forward.returned, forward.diffused, atol=1e-5):
        return "noisy-image-returned"
    if torch.allclose(forward.returned, images.to(forward.returned), atol=1e-5):
        return "clean-image-returned"
    if torch.allclose(forward.returned, forward.diffused - images, atol=1e-5):
        return "noise-difference-returned"
    return "fresh-noise-returned"


def returns_noise(forward: Forward) -> bool:
    """Return whether what is returned is noise, where none is in x_t that it could be compared with."""
    return not forward.noiseless or is_fresh(forward)


def is_fresh(forward: Forward) -> bool:
    """Return whether what is returned changes from step to step and is not the image."""
    if forward.returned is None:
        return True
    last, before = forward.returned[-1], forward.returned[-2]
    alike = is_same_noise(last[0], forward.images[0].double()) or is_same_noise(last[0], before[0])
    return bool(last.std() > 1e-3) and not alike
