"""Expectations without which nothing can be measured in a forward process."""

from __future__ import annotations

import torch

from grader.checks import Unmet

from .probe import Forward


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
