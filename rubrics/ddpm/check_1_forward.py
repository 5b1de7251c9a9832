"""Exercise 1, the jump from x_0 to x_t: the coefficients of image and noise, and the noise itself."""

from __future__ import annotations

from torch import Tensor

from grader.checks import Blocked, Evidence, Reporter, Unmet, criterion
from grader.probes.formulas import close, compare_at_a_wrong_step, constant_factor, identify
from reference.diffuser import NoiseDiffuser
from reference.readings import HANDOUT_CODE, PAPER

from .forward.expectations import (
    expect_a_mixture,
    expect_finite,
    expect_the_image_itself,
    expect_the_same_again,
    find_rescaling,
    identify_returned,
    is_fresh,
    returns_noise,
)
from .forward.figures import coefficient_curves, diffusion_strip
from .forward.formulas import IMAGE, NOISE
from .forward.partial import fades, partial_reading
from .forward.probe import Forward
from .forward.randomness import MOST_ALIKE, is_same_noise, neighbour_correlation
from .forward.schedule import MatchedReading, StudentSchedule, agrees_statistically, fits_image, fits_noise

STEP = 25  # messages quote this step, half way through the probes' schedule
EXACT = 2e-3  # tolerance of a coefficient that was solved for; rounding is a hundred times smaller
MEASURED = 0.03  # tolerance, per step, of a standard deviation measured on 12,544 pixels


@criterion("forward.image_coefficient")
def check_image_fades(
    forward: Forward,
    reading_match: MatchedReading,
    reference_diffuser: NoiseDiffuser,
    evidence: Evidence,
    reporter: Reporter,
) -> None:
    """At every step the image has the coefficient of the forward formula."""
    for figure in (
        *coefficient_curves(forward, reading_match, reference_diffuser),
        diffusion_strip(forward, reading_match, reference_diffuser),
    ):
        reporter.show(figure)
    evidence.reading = reading_match.reported_id
    evidence.measure(image_coefficient=forward.image, not_linear_in_the_image=forward.residual.max())
    if forward.limits:
        low, high = forward.limits
        raise Unmet(
            f"Your x_t is clamped: no value is below {low:.2g} or above {high:.2g}.",
            expected="a sum of image and noise, each times its coefficient",
            actual=f"values limited to {low:.2g} and {high:.2g}",
            misconception="result-clamped",
        )
    expect_the_image_itself(forward, reading_match)
    if reading_match.accepted:
        if reading_match.reading is not PAPER:
            reporter.note(reading_match.reading.note)
        return
    expect_finite(forward)
    if not forward.is_sum:
        expect_the_same_again(forward)
        raise Unmet(
            "Your x_t is not a weighted sum of image and noise: it is not proportional to the image.",
            expected="x_t changes in proportion to the image",
            actual=f"up to {forward.residual.max():.0%} of the change is not proportional",
        )
    if any(fits_image(forward, PAPER, alpha_bar) for alpha_bar in reading_match.alpha_bars):
        return
    partial = partial_reading(forward, reading_match)
    if partial and partial.image:
        evidence.reading = partial.reading.id
        return
    expect_the_same_again(forward)
    expect_a_mixture(forward)
    right = (partial.reading if partial else PAPER).signal(reference_diffuser.alpha_bar.double())
    difference = compare_at_a_wrong_step(forward.image, right, within=EXACT, usual=STEP)
    raise Unmet(
        difference.sentence("image coefficient"),
        expected=difference.expected,
        actual=difference.actual,
        misconception=identify(forward.image, IMAGE, reference_diffuser.curves(), EXACT),
    )


@criterion("forward.noise_coefficient")
def check_noise_grows(
    forward: Forward,
    reading_match: MatchedReading,
    schedule: StudentSchedule,
    reference_diffuser: NoiseDiffuser,
    evidence: Evidence,
) -> None:
    """At every step the noise has the coefficient of the forward formula."""
    evidence.reading = reading_match.reported_id
    evidence.measure(noise_deviation=forward.noise, added_over_returned=forward.ratio, offset=forward.offset)
    if not forward.diffused.isfinite().all() or not forward.is_sum:
        return  # which forward.image_coefficient reports
    # The mean of 12,544 pixels of standard normal noise is 0 ± 0.009, so 0.1 is eleven standard errors.
    if forward.offset.abs().max() > 0.1 and not find_rescaling(forward, reading_match):
        at = STEP if abs(forward.offset[STEP]) > 0.1 else int(forward.offset.abs().argmax())
        raise Unmet(
            f"Your x_t contains a constant term, {forward.offset[at]:.2f} at step {at}.",
            expected="a sum of image and noise, each times its coefficient",
            actual=f"a constant of {forward.offset[at]:.2f} at step {at}",
            misconception="constant-added",
        )
    if not forward.noiseless and (reading_match.accepted or _strength_is_right(forward, reading_match)):
        return
    partial = partial_reading(forward, reading_match)
    if partial and not partial.image:
        evidence.reading = partial.reading.id
        return
    expect_the_same_again(forward)
    expect_a_mixture(forward)
    # If the returned noise is what was drawn, b is solved for exactly; otherwise it is a standard deviation.
    exact = (
        not reading_match.scaled
        and not forward.ratio.isnan().any()
        and bool((forward.correlation.abs() > 0.999).all())
    )
    measured = forward.ratio.abs() if exact else forward.noise
    right = (partial.reading if partial else PAPER).noise(reference_diffuser.alpha_bar.double())
    within = EXACT if exact else MEASURED
    difference = compare_at_a_wrong_step(measured, right, within=within, usual=STEP)
    known = identify(measured, NOISE, reference_diffuser.curves(), within)
    factor = None if known else constant_factor(measured, right, within)
    many = f" It is {factor:.2f} times the right one at every step." if factor else ""
    raise Unmet(
        difference.sentence("noise coefficient") + many,
        expected=difference.expected,
        actual=difference.actual,
        misconception="noise-times-constant" if factor else known,
    )


def _strength_is_right(forward: Forward, reading_match: MatchedReading) -> bool:
    """Return whether the noise coefficient is right for the schedule, or for the student's image coefficient.

    A wrong image coefficient a already lost its points, so b only has to complete the variance: a² + b² = 1.
    Without any image, or any noise, nothing is completed.
    """
    implied = forward.image.square().clamp(0, 1)
    completes = not forward.noiseless and bool((forward.image.abs() > 1e-3).any())
    return any(
        fits_noise(forward, PAPER, ab, reading_match.scaled)
        for ab in (*reading_match.alpha_bars, *([implied] if completes else []))
    )


@criterion("forward.noise_returned")
def check_noise_is_returned(
    forward: Forward, reading_match: MatchedReading, evidence: Evidence, reporter: Reporter
) -> None:
    """The second result is the noise that was added to the image."""
    if forward.returned is None:
        raise Unmet(
            "Your noise_diffusion returns the noisy image alone, without the noise for the network to learn.",
            expected="the noisy image and the noise",
            actual="one tensor",
            misconception="noise-not-returned",
        )
    evidence.measure(correlation_of_added_and_returned=forward.correlation)
    if forward.returned.shape != forward.diffused.shape:
        raise Unmet(
            "The noise you return does not have the shape of the images, so the loss would broadcast it.",
            expected=f"{tuple(forward.diffused.shape[1:])}",
            actual=f"{tuple(forward.returned.shape[1:])}",
            misconception="noise-shape",
        )
    if not forward.diffused.isfinite().all() and bool((forward.returned.flatten(1).std(1) > 1e-3).all()):
        return  # the coefficients lost their points, and noise in NaN cannot be compared with any
    if not forward.is_sum and is_fresh(forward):
        return  # forward.image_coefficient reports that x_t is no sum, so it shows no noise to compare with
    alike = bool((forward.correlation > 0.999).all())
    if alike and forward.noiseless and forward.offset.abs().max() > 0.1:
        return  # the constant in x_t, which forward.noise_coefficient reports
    if alike and returns_noise(forward):
        if reading_match.scaled:
            evidence.reading = HANDOUT_CODE.id
            if reading_match.reading is not HANDOUT_CODE:
                reporter.note(
                    "You return the noise already scaled, as the handout's code does; this is accepted."
                )
        return
    right = reading_match.accepted or _strength_is_right(forward, reading_match)
    if bool((forward.correlation < -0.999).all()) and not right:
        return  # the sign belongs to a coefficient that is wrong anyway and lost its points there
    raise Unmet(
        "The noise you return is not the noise that you added to the image.",
        expected="the noise in x_t, a correlation of 1",
        actual=f"a correlation of {forward.correlation.mean():.2f}",
        misconception=identify_returned(forward),
    )


@criterion("forward.noise_distribution")
def check_noise_is_standard_normal(
    forward: Forward, reading_match: MatchedReading, refused_precision: Unmet | None, evidence: Evidence
) -> None:
    """The noise is standard normal and drawn independently for every pixel of every image."""
    if forward.noiseless and fades(forward, reading_match):
        return  # which lost its points as such, and shows no noise
    readable = (bool(forward.diffused.isfinite().all()) and forward.is_sum) or forward.returned is None
    noise = _recover_drawn_noise(forward, reading_match) if readable else forward.returned
    assert noise is not None
    repeats = forward.repeats_noise and not forward.noiseless
    if repeats or is_same_noise(noise[0, 0], noise[1, 0]):
        raise Unmet("Your noise_diffusion adds the same noise at every call.", misconception="noise-frozen")
    if is_same_noise(noise[STEP, 0], noise[STEP, 1]):
        raise Unmet(
            "All images of a batch get the same noise.",
            expected="noise of shape (B, C, H, W)",
            actual="one noise image for the whole batch",
            misconception="noise-shared",
        )
    alike = neighbour_correlation(noise)
    evidence.measure(neighbour_correlation=alike)
    if alike > MOST_ALIKE:
        raise Unmet(
            f"Neighbouring pixels of your noise are alike: their correlation is {alike:.2f}.",
            expected="a correlation of 0: noise drawn for every pixel",
            actual=f"a correlation of {alike:.2f}",
            misconception="noise-in-patches",
        )
    mean, deviation = noise.mean().item(), noise.std().item()
    kurtosis = ((noise - mean) / max(deviation, 1e-12)).square().square().mean().item()
    evidence.measure(mean=mean, deviation=deviation, kurtosis=kurtosis)
    # Mean, deviation and kurtosis of 627,200 pixels have standard errors of 0.0013, 0.0009 and 0.006, so the
    # bounds are fifteen of them or more. Kurtosis separates a normal distribution (3) from a uniform one
    # (1.8) that was rescaled to the same mean and deviation.
    if abs(mean) < 0.02 and abs(deviation - 1) < 0.02 and abs(kurtosis - 3) < 0.15:
        if refused_precision:
            raise refused_precision
        return
    uniform = abs(kurtosis - 1.8) < 0.05
    shown = f"{round(mean, 2) + 0.0:.2f}"  # no -0.00
    raise Unmet(
        f"Your noise is not standard normal: its mean is {shown}, its standard deviation {deviation:.2f}.",
        expected="mean 0, standard deviation 1, kurtosis 3",
        actual=f"mean {shown}, standard deviation {deviation:.2f}, kurtosis {kurtosis:.2f}",
        misconception="noise-uniform" if uniform else None,
    )


def _recover_drawn_noise(forward: Forward, reading_match: MatchedReading) -> Tensor:
    """Return the noise before it was scaled, (T, B, 1, 28, 28), as well as it can be known.

    The returned noise if it is that; otherwise the added noise divided by the right coefficient where the
    student's fits, or else by its own standard deviation, since a wrong coefficient lost its points already.
    """
    if (
        forward.returned is not None
        and not reading_match.scaled
        and bool((forward.correlation.abs() > 0.999).all())
    ):
        return forward.returned
    coefficients = [reading_match.reading.noise(alpha_bar) for alpha_bar in reading_match.alpha_bars]
    fitting = [curve for curve in coefficients if agrees_statistically(forward.noise, curve)]
    coefficient = fitting[0] if fitting else forward.noise
    return forward.added / coefficient.clamp_min(1e-6).view(-1, 1, 1, 1, 1)


@criterion("forward.batched_t")
def check_each_image_has_its_own_step(forward: Forward, evidence: Evidence) -> None:
    """In a batch with different steps every image is noised at its own step."""
    if isinstance(forward.batched, str):
        raise Unmet(
            f"Your noise_diffusion fails on a batch in which every image has its own step: {forward.batched}"
        )
    factors, steps = forward.batched
    evidence.measure(steps=steps, image_coefficients=factors)
    if not forward.is_sum:
        return  # forward.image_coefficient reports it; a coefficient at each step is then not known
    if forward.is_untouched:
        raise Blocked("Your x_t is the same mixture at every step, so a batch cannot show its steps.")
    expected = forward.image[steps]
    if close(factors, expected, within=EXACT):
        return
    same = close(factors, factors[:1].expand(len(factors)), within=EXACT)
    if forward.changes and not same:
        return  # what changes from call to call lost its points, and tells nothing about one call
    raise Unmet(
        "In a batch with different steps, your images are not noised at their own steps.",
        expected=f"for t = {steps[0]} and {steps[1]}: {expected[0]:.3f} and {expected[1]:.3f}",
        actual=f"{factors[0]:.3f} and {factors[1]:.3f}",
        misconception="one-step-for-the-batch" if same else None,
    )
