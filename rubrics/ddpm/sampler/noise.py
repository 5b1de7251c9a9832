"""Expectations on the noise between sampling steps: strength, freshness, distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from reference.diffuser import NoiseDiffuser

from .expectations import expect_calls, expect_formula, expect_order, is_unrelated, orders
from .formulas import RIGHT
from .noise_levels import NoiseLevels
from .probe import RecoveredSampler
from .recovery import RESOLVABLE, SamplerStep
from .setup import STEPS


def correct_parts(sampling: RecoveredSampler, reference: NoiseDiffuser) -> dict[str, bool]:
    """Return which of "formula", "order" and "noise" are correct."""

    def holds(expect: Callable[[], object]) -> bool:
        try:
            expect()
        except (Unmet, Blocked):
            return False
        return True

    return {
        "formula": holds(lambda: expect_formula(sampling, reference)),
        "order": holds(lambda: expect_order(sampling, reference)),
        "noise": holds(lambda: expect_noise(sampling, reference)),
    }


def expect_noise(sampling: RecoveredSampler, reference: NoiseDiffuser) -> str:
    """Expect fresh standard normal noise at every step but the last, with σ² = β or the posterior variance.

    Returns:
        A description of the measured sigma.

    Raises:
        Unmet: strength, shape, freshness or distribution of the noise are wrong.
        Blocked: too few steps could be recovered.
    """
    expect_calls(sampling)
    if sum(map(is_unrelated, sampling.updates)) > len(sampling.updates) / 2:
        return _expect_total_noise(sampling, reference)
    updates = _with_known_noise(sampling)
    # The residual of a step is sigma * z with z of unit variance, so its deviation is sigma.
    sigmas = torch.stack([update.residual[~update.residual.isnan()].std() for update in updates])
    residuals = torch.stack([update.residual.nan_to_num() for update in updates])
    z = residuals / sigmas.clamp_min(1e-12).view(-1, 1, 1, 1, 1)
    clamped = sum(update.residual.isnan().double().mean() > 0.01 for update in updates[:-1])
    if clamped > len(updates) / 2:
        raise Unmet(
            "x_t is clamped between the steps, and the noise with it.",
            expected="x_t as the formula gives it; only the result may be clamped",
            actual="pixels held at a limit after most steps",
            misconception="clamped-between-steps",
        )
    possible = [NoiseLevels.at(sigmas, order, reference) for order in orders(updates)]
    likely = possible[0]
    if not likely.noisy:
        raise Blocked("The noise cannot be measured: no step is one to which the formula adds noise.")
    if _is_one_number_per_image(torch.stack([updates[number].residual for number in likely.noisy]), likely):
        raise Unmet(
            "The same random number is added to all pixels of an image.",
            expected="z of the shape of x_t: a number for every pixel",
            misconception="z-one-number",
        )
    if bool((likely.measured < 1e-3 * likely.beta.sqrt()).all()):
        raise Unmet(
            "No noise is added between the steps.", actual="none", misconception="no-z", **likely.expected
        )
    if not likely.measured.isfinite().all():
        raise Unmet("The noise added between the steps contains NaN or infinity.", misconception="not-finite")
    for levels in possible:
        for name, curve in levels.accepted().items():
            if levels.noisy and _matches(levels.measured, curve):
                _expect_fresh(z[levels.noisy], sigmas[levels.noisy])
                return f"{levels.actual['actual']}, which is {name}"
    what = "The noise added between the steps has the wrong strength."
    for levels in possible:
        for id, curve in levels.mistakes():
            if levels.noisy and _matches(levels.measured, curve):
                raise Unmet(what, misconception=id, **levels.expected, **levels.actual)
    _expect_fresh(z[likely.noisy], sigmas[likely.noisy])
    raise Unmet(what, **likely.expected, **likely.actual)


def _is_one_number_per_image(residuals: Tensor, levels: NoiseLevels) -> bool:
    """Return whether the noise, (steps, B, 1, 28, 28), varies between steps but not within an image."""
    residuals = residuals.nan_to_num().flatten(2)
    within, size = residuals.std(dim=2).amax(dim=1), residuals.square().mean(dim=(1, 2)).sqrt()
    nonzero = size > 0.01 * levels.beta.sqrt()  # a single random number can be near zero
    return bool(nonzero.double().mean() > 0.5) and bool((within < 0.1 * size)[nonzero].all())


def _expect_total_noise(sampling: RecoveredSampler, reference: NoiseDiffuser) -> str:
    """Check the noise of all steps together, for samplers whose network does not see the updated image.

    Single steps cannot be recovered there. But with the right coefficients the result is a linear function of
    x_T and the network's answers, plus the noise of each step multiplied by the x_t coefficients of the steps
    after it. Subtract the former; the standard deviation of the rest is known for either sigma.
    """
    run = sampling.first
    answers = [call.output for call in run.calls if call.output is not None]
    if run.result is None or [answer.shape for answer in answers] != [run.start.shape] * STEPS:
        raise Blocked(
            "The noise cannot be separated from the rest, since the steps do not follow from one another."
        )
    x_factor, noise_factor = RIGHT(*reference.curves())
    steps = torch.arange(STEPS)
    levels = NoiseLevels.at(torch.ones(STEPS), steps.tolist(), reference)
    # gain[t]: product of the x_t coefficients of the steps below t
    gain = torch.cat([torch.ones(1, dtype=torch.float64), x_factor.cumprod(0)[:-1]])
    state = run.start.double()
    for answer, step in zip(answers, reversed(range(STEPS)), strict=True):
        state = x_factor[step] * state + noise_factor[step] * answer.double()
    measured = (run.result.double() - state).std()
    for name, sigma in levels.accepted().items():
        expected = (sigma * gain[levels.steps]).norm()  # variances of independent noise add up
        # Standard error 0.8 % (7,840 pixels); 10 % also covers the optional noise of the last two steps.
        if 0.9 < measured / expected < 1.1:
            return f"noise of all steps together {measured:.3f}, which is right for {name}"
    raise Unmet(
        "The noise added between the steps has the wrong strength.",
        expected=f"{(levels.beta.sqrt() * gain[levels.steps]).norm():.3f} over all steps",
        actual=f"{measured:.3f}",
        misconception="no-z" if measured < 1e-3 else None,
    )


def _with_known_noise(sampling: RecoveredSampler) -> list[SamplerStep]:
    """Return the steps whose residual is the noise: coefficients known, values small enough for float32."""
    known = [
        update for update in sampling.updates if math.isfinite(update.x_error)
    ]  # not if x_t was the same
    solved = [update for update in known if math.isfinite(update.x_factor) and update.peak < RESOLVABLE]
    if len(solved) < 3:
        raise Blocked("Too few sampling steps could be recovered to measure the noise.")
    return solved


def _matches(measured: Tensor, expected: Tensor) -> bool:
    """Return whether measured sigmas agree with a curve, at every step and on average.

    The standard error of a deviation over 7,840 pixels is 0.8 %: 5 % at each step is six of them. The mean
    over N steps has 0.8 % / sqrt(N), of which 4.8 % / sqrt(N) is six, but at least 1 % is allowed.
    """
    ratio = (measured / expected.clamp_min(1e-12)).clamp_min(1e-12).log()
    mean_tolerance = max(0.01, 0.048 / len(ratio) ** 0.5)
    return bool((ratio.abs() < 0.05).all()) and abs(ratio.mean().item()) < mean_tolerance


def _expect_fresh(z: Tensor, sigmas: Tensor) -> None:
    """Expect z, (steps, COUNT, 1, 28, 28), to be new at every step and for every sample, and normal."""
    nonzero = z[sigmas > 1e-6]
    if _repeats(nonzero):
        raise Unmet(
            "The same z is added at every step.",
            expected="a new z at every step",
            misconception="z-fixed",
        )
    if abs(_correlation(nonzero[0, 0], nonzero[0, 1])) > 0.5:
        raise Unmet("All samples get the same z.", expected="z of the shape of x_t", misconception="z-shared")
    kurtosis = nonzero.pow(4).mean().item()
    # Over 380,000 pixels of normal noise: kurtosis 3 ± 0.008, mean 0 ± 0.002.
    if abs(kurtosis - 3) > 0.15 or abs(nonzero.mean().item()) > 0.03:
        raise Unmet(
            "z is not normally distributed around 0.",
            expected="z from a standard normal",
            misconception="z-not-normal",
        )


def _repeats(z: Tensor) -> bool:
    """Return whether the first three steps add the same noise."""
    return len(z) > 2 and abs(_correlation(z[0], z[1])) > 0.5 and abs(_correlation(z[1], z[2])) > 0.5


def _correlation(first: Tensor, second: Tensor) -> float:
    a, b = (z.flatten().double() - z.double().mean() for z in (first, second))
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-30))
