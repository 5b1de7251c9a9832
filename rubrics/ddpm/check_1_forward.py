"""Exercise 1, the jump from x_0 to x_t: coefficients, and the noise."""

from __future__ import annotations

import torch
from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from reference.diffuser import NoiseDiffuser
from reference.readings import HANDOUT_CODE, PAPER

from .forward.figures import coefficient_curves, diffusion_strip
from .forward.formulas import IMAGE, NOISE, close, name_of
from .forward.probe import Forward
from .forward.schedule import MatchedReading, fits_image, fits_noise, like_statistically

STEP = 25  # the step that messages speak of: half way through the probes' schedule


@criterion("forward.image_coefficient")
def check_image_fades(
    forward: Forward, judged: MatchedReading, truth: NoiseDiffuser, evidence: Evidence, reporter: Reporter
) -> None:
    """At every step the image keeps the strength that the forward formula gives it."""
    for figure in (*coefficient_curves(forward, judged, truth), diffusion_strip(forward, judged, truth)):
        reporter.show(figure)
    evidence.reading = judged.named
    if forward.limits:
        low, high = forward.limits
        raise Unmet(
            f"x_t is cut off: no value lies below {low:.2g} or above {high:.2g}.",
            expected="image and noise, each with its factor, and nothing else",
            actual=f"values held at {low:.2g} and {high:.2g}",
            misconception="result-clamped",
        )
    if judged.accepted:
        if judged.reading is not PAPER:
            reporter.note(judged.reading.note)
        return
    if forward.stray.max() > 1e-2:
        raise Unmet(
            "x_t is not a plain mix of image and noise: it changes with the image in another way.",
            expected="x_t changes in proportion to the image",
            actual=f"up to {forward.stray.max():.0%} of the change does not",
        )
    if any(fits_image(forward, PAPER, alpha_bar) for alpha_bar in judged.alpha_bars):
        return
    right = PAPER.signal(truth.alpha_bar[STEP])
    raise Unmet(
        f"At step {STEP} the image keeps {forward.image[STEP]:.2f} of its strength; "
        f"{right:.2f} would be right.",
        expected=f"{right:.4f} at step {STEP}",
        actual=f"{forward.image[STEP]:.4f}",
        misconception=name_of(forward.image, IMAGE, truth.curves(), 2e-3),
    )


@criterion("forward.noise_coefficient")
def check_noise_grows(
    forward: Forward, judged: MatchedReading, truth: NoiseDiffuser, evidence: Evidence
) -> None:
    """At every step the noise has the strength that the forward formula gives it."""
    evidence.reading = judged.named
    # The image's coefficient was charged where it is wrong; here the noise only has to go with it, a² + b² =
    # 1.
    if forward.offset.abs().max() > 0.1:  # of noise alone the mean of 12,544 pixels is 0 ± 0.009
        raise Unmet(
            f"Beside image and noise a constant is added, {forward.offset[STEP]:.2f} at step {STEP}.",
            expected="image and noise, each with its factor, and nothing else",
            actual=f"a constant of {forward.offset[STEP]:.2f} at step {STEP}",
            misconception="constant-added",
        )
    if judged.accepted or _strength_is_right(forward, judged):
        return
    exact = (
        not judged.scaled and not forward.ratio.isnan().any() and bool((forward.likeness.abs() > 0.999).all())
    )
    measured = forward.ratio.abs() if exact else forward.noise
    right = PAPER.noise(truth.alpha_bar[STEP])
    raise Unmet(
        f"At step {STEP} the noise has a strength of {measured[STEP]:.2f}; {right:.2f} would be right.",
        expected=f"{right:.4f} at step {STEP}",
        actual=f"{measured[STEP]:.4f}",
        misconception=name_of(measured, NOISE, truth.curves(), 2e-3 if exact else 0.03),
    )


def _strength_is_right(forward: Forward, judged: MatchedReading) -> bool:
    """A wrong image coefficient was charged there; the noise only has to go with it, a² + b² = 1."""
    implied = forward.image.square().clamp(0, 1)
    return any(fits_noise(forward, PAPER, ab, judged.scaled) for ab in (*judged.alpha_bars, implied))


@criterion("forward.noise_returned")
def check_noise_is_returned(
    forward: Forward, judged: MatchedReading, evidence: Evidence, reporter: Reporter
) -> None:
    """The second result is the noise that was mixed into the image."""
    if forward.returned is None:
        raise Unmet(
            "noise_diffusion returns the noisy image alone, without the noise that the network has to find.",
            expected="the noisy image and the noise",
            actual="one tensor",
            misconception="noise-not-returned",
        )
    if forward.returned.shape != forward.diffused.shape:
        raise Unmet(
            "The returned noise has not the shape of the images; the loss would broadcast it over them.",
            expected=f"{tuple(forward.diffused.shape[1:])}",
            actual=f"{tuple(forward.returned.shape[1:])}",
            misconception="noise-shape",
        )
    if bool((forward.likeness > 0.999).all()):
        if judged.scaled:
            evidence.reading = HANDOUT_CODE.id
            if judged.reading is not HANDOUT_CODE:
                reporter.note(
                    "The noise is returned already scaled, as the handout's code returns it: accepted."
                )
        return
    if bool((forward.likeness < -0.999).all()) and not _strength_is_right(forward, judged):
        return  # a factor that is wrong altogether, sign and all, was charged as the coefficient
    raise Unmet(
        "The returned noise is not what was mixed into the image.",
        expected="the noise of x_t, a correlation of 1",
        actual=f"a correlation of {forward.likeness.mean():.2f}",
        misconception=_not_the_noise(forward),
    )


def _not_the_noise(forward: Forward) -> str:
    assert forward.returned is not None
    images = forward.images.expand(forward.returned.shape)
    if bool((forward.likeness < -0.999).all()):
        return "noise-negated"
    if torch.allclose(forward.returned, forward.diffused, atol=1e-5):
        return "noisy-image-returned"
    if torch.allclose(forward.returned, images.to(forward.returned), atol=1e-5):
        return "clean-image-returned"
    return "fresh-noise-returned"


@criterion("forward.noise_distribution")
def check_noise_is_standard_normal(forward: Forward, judged: MatchedReading) -> None:
    """The noise has mean 0 and variance 1, is normal, and is drawn anew for every pixel of every image."""
    if forward.stray.max() > 1e-2:
        raise Blocked("The noise cannot be told from the rest of x_t, which is no plain mix.")
    noise = _drawn(forward, judged)
    repeats = forward.same_every_time and not forward.noiseless
    if repeats or _alike(noise[0, 0], noise[1, 0]):
        raise Unmet("The same noise comes with every call.", misconception="noise-frozen")
    if _alike(noise[STEP, 0], noise[STEP, 1]):
        raise Unmet(
            "All images of a batch get the same noise.",
            expected="noise of the shape (B, C, H, W)",
            actual="one noise for the batch",
            misconception="noise-shared",
        )
    mean, deviation = round(noise.mean().item(), 4) + 0.0, noise.std().item()  # no -0.00
    kurtosis = ((noise - mean) / max(deviation, 1e-12)).square().square().mean().item()
    # Over 627,200 pixels the standard errors are 0.0013, 0.0009 and 0.006; the bounds are more than ten of
    # them.
    if abs(mean) < 0.02 and abs(deviation - 1) < 0.02 and abs(kurtosis - 3) < 0.15:
        return
    uniform = abs(kurtosis - 1.8) < 0.05
    raise Unmet(
        f"The noise is not standard normal: its mean is {mean:.2f}, its standard deviation {deviation:.2f}.",
        expected="mean 0, standard deviation 1, kurtosis 3",
        actual=f"mean {mean:.2f}, standard deviation {deviation:.2f}, kurtosis {kurtosis:.2f}",
        misconception="noise-uniform" if uniform else None,
    )


def _drawn(forward: Forward, judged: MatchedReading) -> Tensor:
    """The noise before it was scaled, (T, B, 1, 28, 28), as well as it can be known."""
    if forward.returned is not None and not judged.scaled and bool((forward.likeness.abs() > 0.999).all()):
        return forward.returned
    strengths = [judged.reading.noise(alpha_bar) for alpha_bar in judged.alpha_bars]
    fitting = [strength for strength in strengths if like_statistically(forward.noise, strength)]
    strength = fitting[0] if fitting else forward.noise  # a wrong coefficient was charged where it belongs
    return forward.added / strength.clamp_min(1e-6).view(-1, 1, 1, 1, 1)


def _alike(first: Tensor, second: Tensor) -> bool:
    a, b = first.flatten() - first.mean(), second.flatten() - second.mean()
    return (
        abs(float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-30))) > 0.5
    )  # independent noise: 0.00 ± 0.04


@criterion("forward.batched_t")
def check_each_image_has_its_own_step(forward: Forward) -> None:
    """In a batch with mixed steps every image is noised by its own."""
    if isinstance(forward.batched, str):
        raise Unmet(f"A batch in which every image has its own step could not be noised: {forward.batched}")
    factors, steps = forward.batched
    expected = forward.image[steps]
    if close(factors, expected, within=2e-3):
        return
    same = close(factors, factors[:1].expand(len(factors)), within=2e-3)
    raise Unmet(
        "In a batch with mixed steps the images are not noised by their own steps.",
        expected=f"for t = {steps[0]} and {steps[1]}: {expected[0]:.3f} and {expected[1]:.3f}",
        actual=f"{factors[0]:.3f} and {factors[1]:.3f}",
        misconception="one-step-for-the-batch" if same else None,
    )
