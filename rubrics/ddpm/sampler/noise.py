"""Expectations on the noise between sampling steps: strength, freshness, distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet

from ..forward.randomness import neighbour_correlation
from .expectations import expect_calls, expect_formula, expect_order
from .fitting import formula_is_right, identify_formula, is_unchanged, is_unrelated, orders
from .formulas import RIGHT, Schedule
from .noise_levels import NoiseLevels
from .own_schedule import OwnSchedule
from .probe import RecoveredSampler, are_explained
from .recovery import RESOLVABLE, SamplerStep
from .setup import COUNT
from .start import gets_new_noise, scale_of_start
from .totals import TotalNoise


def correct_parts(sampling: RecoveredSampler, reference: Schedule) -> dict[str, bool]:
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


def expect_noise(sampling: RecoveredSampler, reference: Schedule) -> str:
    """Expect fresh standard normal noise at every step but the last, with σ² = β or the posterior variance.

    Returns:
        A description of the measured sigma.

    Raises:
        Unmet: strength, shape, freshness or distribution of the noise are wrong.
        Blocked: too few steps could be recovered.
    """
    expect_calls(sampling)
    few = len(sampling.first.calls) == 1
    if few or sum(map(is_unrelated, sampling.updates)) > len(sampling.updates) / 2:
        return _expect_total_noise(sampling, reference)
    if sum(map(is_unchanged, sampling.updates)) > len(sampling.updates) / 2:
        if not is_unchanged(sampling.updates[-1]):
            return "the noise is not handed on with x_t, which sample.formula reports"
        raise Unmet(
            "No step changes x_t, so no noise is added to it.",
            expected="x_t with the noise that the step before added",
            actual="an unchanged x_t",
            misconception="x-not-updated",
            credit=0.5,
        )
    updates = _with_known_noise(sampling)
    # The residual of a step is sigma * z with z of unit variance, so its deviation is sigma.
    sigmas = torch.stack([update.residual[~update.residual.isnan()].std() for update in updates])
    residuals = torch.stack([update.residual.nan_to_num() for update in updates])
    mistake = identify_formula(sampling.updates, reference)
    if mistake == "images-rescaled":  # undo it: sample.formula reports it
        residuals = (residuals - residuals.mean(dim=(1, 2, 3, 4), keepdim=True)) / 2
        sigmas = sigmas / 2
    elif not formula_is_right(sampling, reference):  # which reports a constant, too
        residuals = residuals - residuals.mean(dim=(1, 2, 3, 4), keepdim=True)
    z = residuals / sigmas.clamp_min(1e-12).view(-1, 1, 1, 1, 1)
    sigmas = _before_scaling(sigmas, sampling, reference, orders(updates)[0])
    clamped = sum(update.residual.isnan().double().mean() > 0.01 for update in updates[:-1])
    if clamped > len(updates) / 2:
        raise Unmet(
            "x_t is clamped between the steps, and the noise with it.",
            expected="x_t as the formula gives it; only the result may be clamped",
            actual="pixels held at a limit after most steps",
            misconception="clamped-between-steps",
        )
    own = OwnSchedule.of(sampling.updates, reference)
    candidates = [list(range(len(updates)))[::-1]] if own else orders(updates)
    possible = [NoiseLevels.at(sigmas, order, own or reference) for order in candidates]
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
        deterministic = mistake == "ddim"  # which lost its points as such
        raise Unmet(
            "No noise is added between the steps.",
            actual="none, as in DDIM with η = 0" if deterministic else "none",
            misconception="no-z",
            credit=0.5 if deterministic else 0.0,
            **likely.expected,
        )
    if not likely.measured.isfinite().all():
        raise Unmet("The noise added between the steps contains NaN or infinity.", misconception="not-finite")
    for levels in possible:
        for name, curve in levels.accepted().items():
            if levels.noisy and matches(levels.measured, curve, sampling.first.denoised):
                _expect_fresh(z[levels.noisy], sigmas[levels.noisy], sampling.first.denoised)
                _expect_last_steps(updates, levels, own or reference)
                return f"{levels.actual['actual']}, which is {name}"
    if not are_explained(updates):  # the residual is then not the noise alone
        raise Blocked(
            "The noise cannot be separated from the rest: the steps are no weighted sums of x_t and the "
            "predicted noise."
        )
    what = "The noise added between the steps has the wrong strength."
    for levels in possible:
        for id, curve in levels.mistakes():
            if levels.noisy and matches(levels.measured, curve):
                if mistake in ("alpha-and-beta-exchanged", "alpha-for-beta") and id == "sigma-of-alpha":
                    return f"{levels.actual['actual']}, of the β that sample.formula reports"
                raise Unmet(what, misconception=id, **levels.expected, **levels.actual)
    _expect_fresh(z[likely.noisy], sigmas[likely.noisy], sampling.first.denoised)
    constant = any(_is_multiple(likely.measured, curve) for curve in likely.accepted().values())
    raise Unmet(what, misconception="sigma-scaled" if constant else None, **likely.expected, **likely.actual)


def _before_scaling(
    sigmas: Tensor, sampling: RecoveredSampler, reference: Schedule, order: Sequence[int]
) -> Tensor:
    """Return the sigmas of x_t where the network gets x_t times √α of the step, or divided by it.

    What is recovered then is the noise between two scaled images; ``expect_formula`` reports the scaling.
    """
    roots = reference.curves()[1].sqrt()
    scale = scale_of_start(sampling.first)
    if scale is None or scale <= 0:
        return sigmas
    power = math.log(scale) / math.log(roots[-1].item())
    if abs(abs(power) - 1) > 1e-2:
        return sigmas
    earlier = roots[[max(step - 1, 0) for step in order]]
    return sigmas / earlier ** round(power)


def _is_multiple(measured: Tensor, expected: Tensor) -> bool:
    ratio = measured / expected.clamp_min(1e-12)
    return matches(measured, expected * ratio.median())


def _expect_last_steps(updates: list[SamplerStep], levels: NoiseLevels, reference: Schedule) -> None:
    """Expect no more noise at t = 1 and t = 0 than √β, the largest that common implementations add there.

    The standard error of a deviation over 7,840 pixels is 0.8 %. The last image may be rescaled or clamped
    for display, so a step counts only if its coefficients are right.
    """
    beta, alpha, alpha_bar = reference.curves()
    right_x, right_noise = RIGHT(beta, alpha, alpha_bar)
    last = int(levels.steps[-1]) if len(levels.steps) else 0
    for step, update in zip(range(last - 1, -1, -1), updates[levels.noisy[-1] + 1 :], strict=False):
        exact = abs(update.x_factor - right_x[step].item()) < 3e-3 * right_x[step].item()
        exact = exact and abs(update.noise_factor / right_noise[step].item() - 1) < 1e-2
        residual = update.residual[~update.residual.isnan()]
        if not exact or residual.numel() < 0.99 * update.residual.numel():
            continue
        allowed = beta[: step + 2].max().sqrt().item()
        if residual.std() > 1.2 * allowed:
            raise Unmet(
                f"At step {step} the noise is too strong, although it is right before.",
                expected=f"σ = {beta[step].sqrt():.3f} or less at step {step}",
                actual=f"σ = {residual.std():.3f}",
                misconception="z-too-strong-at-the-end",
            )


def _is_one_number_per_image(residuals: Tensor, levels: NoiseLevels) -> bool:
    """Return whether the noise, (steps, B, 1, 28, 28), varies between steps but not within an image."""
    residuals = residuals.nan_to_num().flatten(2)
    within, size = residuals.std(dim=2).amax(dim=1), residuals.square().mean(dim=(1, 2)).sqrt()
    nonzero = size > 0.01 * levels.beta.sqrt()  # a single random number can be near zero
    return bool(nonzero.double().mean() > 0.5) and bool((within < 0.1 * size)[nonzero].all())


def _expect_total_noise(sampling: RecoveredSampler, reference: Schedule) -> str:
    """Check the noise of all steps together, for samplers whose network does not see the updated image."""
    total = TotalNoise.of(sampling, reference)
    if total is None:
        raise Blocked(
            "The noise cannot be separated from the rest, since the steps do not follow from one another."
        )
    if name := total.matching():
        return f"noise of all steps together {total.measured:.3f}, which is right for {name}"
    if len(sampling.first.calls) > 1 and not gets_new_noise(sampling.first):
        raise Blocked(
            "The noise cannot be separated from the rest: the steps are no weighted sums of x_t and the "
            "predicted noise."
        )
    raise Unmet(
        "The noise added between the steps has the wrong strength.",
        expected=f"{total.accepted['√β']:.3f} over all steps",
        actual=f"{total.measured:.3f}",
        misconception="no-z" if total.measured < 1e-3 else None,
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


def matches(measured: Tensor, expected: Tensor, samples: int = COUNT) -> bool:
    """Return whether measured sigmas agree with a curve, at every step and on average.

    The standard error of a deviation over 7,840 pixels is 0.8 %: 5 % at each step is six of them. The mean
    over N steps has 0.8 % / sqrt(N), of which 4.8 % / sqrt(N) is six, but at least 1 % is allowed. Fewer
    samples have fewer pixels.
    """
    ratio = (measured / expected.clamp_min(1e-12)).clamp_min(1e-12).log() * (samples / COUNT) ** 0.5
    mean_tolerance = max(0.01, 0.048 / len(ratio) ** 0.5)
    return bool((ratio.abs() < 0.05).all()) and abs(ratio.mean().item()) < mean_tolerance


def _expect_fresh(z: Tensor, sigmas: Tensor, denoised: int) -> None:
    """Expect z, (steps, COUNT, 1, 28, 28), to be new at every step and for every sample, and normal.

    If the sampler denoises fewer samples than it returns, those that it repeats have lost their points.
    """
    nonzero = z[sigmas > 1e-6]
    if _repeats(nonzero):
        raise Unmet(
            "The same z is added at every step.",
            expected="a new z at every step",
            misconception="z-fixed",
        )
    if denoised == COUNT and abs(_correlation(nonzero[0, 0], nonzero[0, 1])) > 0.5:
        raise Unmet("All samples get the same z.", expected="z of the shape of x_t", misconception="z-shared")
    constant = nonzero.mean(dim=(1, 2, 3, 4), keepdim=True)  # of one step
    alike = neighbour_correlation(nonzero - constant)
    if alike > 0.1:
        raise Unmet(
            f"Neighbouring pixels of z are alike: their correlation is {alike:.2f}.",
            expected="z of the shape of x_t: a number for every pixel",
            actual=f"a correlation of {alike:.2f}",
            misconception="z-in-patches",
        )
    kurtosis = (nonzero - constant).pow(4).mean().item()
    # Over 380,000 pixels of normal noise: kurtosis 3 ± 0.008, mean 0 ± 0.002.
    if abs(kurtosis - 3) < 0.15 and abs(constant.mean().item()) > 0.03:
        added = (constant.flatten() * sigmas[sigmas > 1e-6]).mean().item()
        raise Unmet(
            f"Beside the noise, a step adds the same number to all pixels of x_t: {added:.2f} on average.",
            expected="z with the mean 0",
            actual=f"a mean of {added:.2f}",
            misconception="step-adds-a-constant",
        )
    if abs(kurtosis - 3) > 0.15 or abs(constant.mean().item()) > 0.03:
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
