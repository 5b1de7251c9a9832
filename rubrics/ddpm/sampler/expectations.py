"""Expectations on the recovered steps of a sampler: formula and order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from grader.checks import Blocked, Unmet
from grader.probes.answers import is_close

from .fitting import fits, fits_at, formula_is_right, identify_formula, is_unchanged, is_unrelated, orders
from .formulas import RIGHT, Schedule
from .own_schedule import OwnSchedule
from .probe import RecoveredSampler
from .recovery import RESOLVABLE, SamplerStep
from .setup import COUNT, STEPS
from .start import gets_new_noise, is_like_noise, scale_of_start
from .totals import TotalNoise


def expect_calls(sampling: RecoveredSampler) -> None:
    """Expect at least one call of the network.

    Raises:
        Blocked: there is none.
    """
    if not sampling.first.calls:
        if sampling.first.error:
            raise Blocked(f"generate_samples stopped before it called the network: {sampling.first.error}")
        raise Blocked("Your generate_samples does not call the network, or not for all of its samples.")


def expect_formula(sampling: RecoveredSampler, reference: Schedule) -> None:
    """Expect every step to compute 1/√α · (x_t − β/√(1−ᾱ) · ε) from x_t and the predicted noise.

    A sampler that reads a schedule of its own is judged by that one; ``expect_order`` reports it.

    Raises:
        Unmet: the coefficients differ.
        Blocked: no step could be recovered.
    """
    expect_calls(sampling)
    updates = sampling.updates
    if len(sampling.first.calls) == 1:
        total = TotalNoise.of(sampling, reference)
        if total is not None and total.matching():
            return  # with the network's one answer for all steps, the result is right
    if not updates:
        if any(call.x is not None and not call.x.isfinite().all() for call in sampling.first.calls):
            raise Unmet("Your x_t contains NaN or infinity after the first step.", misconception="not-finite")
        reason = sampling.first.error or "the network was called only once"
        raise Blocked(f"No sampling step could be recovered: {reason}.")
    if sampling.clamp:
        low, high = sampling.clamp
        raise Unmet(
            f"The predicted noise is clamped to the range from {low:g} to {high:g} before it is used.",
            expected="the predicted noise as the network returns it",
            actual=f"values from {low:g} to {high:g}",
            misconception="prediction-clamped",
        )
    if formula_is_right(sampling, reference):
        return
    order = orders(updates)[0]
    still = sum(map(is_unchanged, updates))
    if still > len(updates) / 2:
        if "x_t" in sampling.first.stale_variables.values():
            total = TotalNoise.of(sampling, reference)
            if total is not None and total.matching():
                return  # the network gets another variable than x_t, which sample.order reports
        raise Unmet(
            f"After {still} of {len(updates)} steps the network gets the same x_t again: what a step "
            "computes is not handed on to the next one.",
            expected="x_t as the step before left it",
            actual="an unchanged x_t",
            misconception="x-not-updated",
        )
    if sum(is_unrelated(update) for update in updates) > len(updates) / 2:
        fresh = gets_new_noise(sampling.first)
        raise Unmet(
            "The image passed to the network does not follow from the step before."
            if fresh
            else "From one call of the network to the next, its image does not become a weighted sum of x_t, "
            "the predicted noise and new noise.",
            expected="x_t as it was given, or as the step before left it",
            actual="new noise at every step"
            if fresh
            else "an image that is no weighted sum of x_t and the predicted noise",
            misconception="network-asked-about-something-else",
        )
    wrong = [
        number for number in range(len(updates)) if not fits_at(updates, order, RIGHT, reference, number)
    ]
    wrong = [number for number in wrong if updates[number].peak < RESOLVABLE] or wrong
    shown = wrong[len(wrong) // 2]
    right = [factor[order[shown]].item() for factor in RIGHT(*reference.curves())]
    found = updates[shown]
    scale = scale_of_start(sampling.first)
    if scale is not None and abs(scale - 1) > 0.01:
        raise Unmet(
            f"The network gets x_t multiplied by {scale:.3f} at its first call. From the image that it gets "
            f"to the next one, step {order[shown]} multiplies by {found.x_factor:.3f} and adds "
            f"{found.noise_factor:.3f} times the predicted noise.",
            expected=f"x_t itself; {right[0]:.3f} and {right[1]:.3f} at step {order[shown]}",
            actual=f"{scale:.3f} · x_t; {found.x_factor:.3f} and {found.noise_factor:.3f}",
            misconception="network-gets-scaled-x",
        )
    asked = sampling.first.calls[0].x
    if scale is None and asked is not None and not is_like_noise(asked):
        looks = f"mean {asked.mean():.2f} and standard deviation {asked.std():.2f}"
        raise Unmet(
            f"The network does not get x_t: at its first call it gets an image with {looks}, which is no "
            "multiple of x_t.",
            expected="x_t itself",
            actual=f"an image with {looks}",
            misconception="network-asked-about-something-else",
        )
    raise Unmet(
        f"Your sampling steps do not follow the formula. At step {order[shown]}, "
        f"x_t is multiplied by {found.x_factor:.3f} and the predicted noise by {found.noise_factor:.3f}."
        + _constant(found),
        expected=f"{right[0]:.3f} and {right[1]:.3f} at step {order[shown]}",
        actual=f"{found.x_factor:.3f} and {found.noise_factor:.3f}",
        misconception=identify_formula(updates, reference),
    )


def _constant(update: SamplerStep) -> str:
    """Say which number is added to all pixels; the mean of the noise is 0 ± 0.01."""
    added = update.residual.nanmean().item()
    return f" Beside them, {added:.2f} is added to every pixel." if abs(added) > 0.05 else ""


def expect_order(sampling: RecoveredSampler, reference: Schedule) -> str:
    """Expect one network call per timestep, last to first, and the last update as the result.

    Returns:
        A description of the steps taken.

    Raises:
        Unmet: the steps, their direction or the result differ.
        Blocked: the network is never called.
    """
    expect_calls(sampling)
    run = sampling.first
    own = OwnSchedule.of(sampling.updates, reference)
    for variable, argument in run.stale_variables.items():
        also = f", and a schedule of its own, {own}" if own else ""
        undefined = variable in run.undefined
        read = (
            f"{variable}, which nothing in the notebook defines,"
            if undefined
            else f"the notebook's variable {variable}"
        )
        raise Unmet(
            f"generate_samples reads {read} instead of its argument {argument}.",
            expected=f"{argument}, the argument",
            actual=f"{variable}, {'not defined' if undefined else 'a variable of the notebook'}{also}",
            misconception="stale-global",
        )
    passed = [call.t.flatten()[0].item() for call in run.calls if call.t is not None]
    actual = f"{len(passed)} steps, from t = {passed[0]:g} to t = {passed[-1]:g}"
    expected = f"{STEPS} steps, from {STEPS - 1} to 0"
    if run.error:
        calls = f"{len(passed)} calls of the network"
        raise Unmet(f"generate_samples ended in an error after {calls}: {run.error}", expected=expected)
    gaps = {round(a - b, 6) for a, b in itertools.pairwise(passed)}
    by_level = _passes_noise_level(passed, sampling.updates, reference)
    if len(passed) > 1 and all(gap < 0 for gap in gaps) and not by_level:
        if fits(sampling.updates, range(STEPS - 1, -1, -1), RIGHT, reference):
            raise Unmet(
                f"The coefficients are those of the steps {STEPS - 1} down to 0, but the network is told "
                f"them in the opposite order, from t = {passed[0]:g} to t = {passed[-1]:g}.",
                expected=f"t from {STEPS - 1} to 0, the step that is being undone",
                actual=actual,
                misconception="told-the-opposite-order",
            )
        raise Unmet(
            "The steps run from the first to the last, which is the direction that adds noise.",
            expected=expected,
            actual=actual,
            misconception="forward-order",
        )
    if len(passed) != STEPS:
        raise Unmet(
            f"generate_samples calls the network {_times(len(passed))} for {STEPS} steps.",
            expected=expected,
            actual=actual,
            misconception=_missing_steps(passed),
        )
    if (len(gaps) != 1 or min(gaps) <= 0) and not by_level:
        raise Unmet(
            "The timesteps passed to the network do not count down evenly.",
            expected=expected,
            actual=actual,
            misconception="steps-uneven",
        )
    if run.denoised < COUNT:
        raise Unmet(
            f"The network is called for {run.denoised} of the {COUNT} samples; its answers serve the others.",
            expected=f"{COUNT} samples, each from its own noise",
            actual=f"{run.denoised} samples",
            misconception="samples-repeated",
        )
    _expect_noise_at_start(sampling, reference, expected)
    _expect_last_update(sampling, expected)
    if own:
        betas = reference.curves()[0]
        raise Unmet(
            "Your sampling steps are right for a schedule of their own, which is not that of the diffuser.",
            expected=f"β from {betas[0]:.2g} to {betas[-1]:.2g}, as in the diffuser",
            actual=f"{own}",
            misconception="own-schedule",
        )
    return actual


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _passes_noise_level(passed: Sequence[float], updates: Sequence[SamplerStep], reference: Schedule) -> bool:
    """Return whether the network gets a quantity of the timestep, such as the noise level, instead of t.

    Such a quantity may rise or fall during sampling; the recovered coefficients then show the direction of
    the steps.
    """
    pairs = list(itertools.pairwise(passed))
    whole = all(number == round(number) for number in passed)
    if whole or not (all(a < b for a, b in pairs) or all(a > b for a, b in pairs)):
        return False
    countdown = range(STEPS - 1, -1, -1)
    if fits(updates, countdown, RIGHT, reference):
        return True
    evenly = len({round(a - b, 6) for a, b in pairs}) == 1
    return not evenly and not fits(updates, countdown[::-1], RIGHT, reference)


def _expect_noise_at_start(sampling: RecoveredSampler, reference: Schedule, expected: str) -> None:
    first, updates = sampling.first.calls[0].x, sampling.updates
    scale = scale_of_start(sampling.first)
    if scale is not None and abs(scale) > 1e-3:
        right = any(fits(updates, order, RIGHT, reference) for order in orders(updates))
        if right and abs(scale - 1) > 0.1:  # if the steps are wrong, sample.formula reports it
            raise Unmet(
                f"The first step does not start from x_t, but from x_t multiplied by {scale:.2f}.",
                expected=expected + ", from the noise x_t",
                actual=f"{scale:.2f} · x_t",
                misconception="start-not-noise",
            )
        return
    follows = not updates or any(fits(updates, order, RIGHT, reference) for order in orders(updates))
    if first is not None and not is_like_noise(first) and follows:  # else sample.formula reports it
        raise Unmet(
            "The first step does not start from x_t, nor from other standard normal noise.",
            expected=expected + ", from the noise x_t",
            actual=f"an image with mean {first.mean():.2f} and standard deviation {first.std():.2f}",
            misconception="start-not-noise",
        )


def _missing_steps(passed: Sequence[float]) -> str | None:
    """Return the misconception behind a wrong number of steps; None if there are too many."""
    if len(passed) > STEPS:
        return None
    if len(passed) != STEPS - 1:
        return "predicted-once" if len(passed) == 1 else "steps-left-out"
    return "first-step-left-out" if passed[0] == STEPS - 2 else "last-step-left-out"


def _expect_last_update(sampling: RecoveredSampler, expected: str) -> None:
    run = sampling.first
    last = run.calls[-1].x
    if run.result is None or last is None or last.numel() != run.result.numel():
        return  # sample.shape reports a result of the wrong shape
    if is_close(run.result.flatten(), last.flatten(), within=1e-6):
        raise Unmet(
            "generate_samples returns the image before the last step: the last update is not computed, or "
            "not returned.",
            expected=expected,
            actual="a result without the last update",
            misconception="last-update-dropped",
        )
    for call in run.calls[:-1]:
        if call.x is not None and is_close(run.result.flatten(), call.x.flatten(), within=1e-6):
            raise Unmet(
                "generate_samples returns the image of an earlier step, not of the last one.",
                misconception="not-the-last-image",
            )
