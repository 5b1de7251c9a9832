"""What a recovered sampler must be, one expectation for each criterion of its formula."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from reference.diffuser import NoiseDiffuser

from .formulas_sampling import MISTAKES, RIGHT, Factors
from .probe_sampler import SHAPE, STEPS, Sampling, Update
from .schedule import curves


def works(sampling: Sampling, truth: NoiseDiffuser) -> dict[str, bool]:
    """Which of formula, order and noise are right."""

    def holds(expect: Callable[[], object]) -> bool:
        try:
            expect()
        except (Unmet, Blocked):
            return False
        return True

    return {
        "formula": holds(lambda: expect_formula(sampling, truth)),
        "order": holds(lambda: expect_order(sampling)),
        "noise": holds(lambda: expect_noise(sampling, truth)),
    }


def expect_calls(sampling: Sampling) -> None:
    """The network was asked at all."""
    if not sampling.first.calls:
        if sampling.first.error:
            raise Blocked(f"generate_samples stopped before it asked the network: {sampling.first.error}")
        raise Blocked("generate_samples never asks the network for the noise.")


def expect_formula(sampling: Sampling, truth: NoiseDiffuser) -> None:
    """Every step computes 1/√α · (x_t − β/√(1−ᾱ) · ε) from x_t and the predicted noise."""
    expect_calls(sampling)
    updates = sampling.updates
    if not updates:
        raise Blocked(
            f"No step could be followed to its end: {sampling.first.error or 'one call is too few'}."
        )
    if any(fits(updates, order, RIGHT, truth) for order in orders(updates)):
        return
    order = orders(updates)[0]
    expected = "x_{t−1} = 1/√α · (x_t − β/√(1−ᾱ) · ε) + σ · z"
    if sum(update.stray > 0.2 for update in updates) > len(updates) / 2:
        raise Unmet(
            "What a step does with x_t and the predicted noise is no fixed mix of them: "
            "is the network asked about the image that the step then changes?",
            expected=expected,
            actual="something else moves the image",
            misconception="not-a-mix",
        )
    for id, factors, words in MISTAKES:
        if any(fits(updates, one, factors, truth) for one in orders(updates)):
            raise Unmet(f"The steps do not follow the formula: {words}.", expected=expected, misconception=id)
    middle = len(updates) // 2
    right = [factor[order[middle]].item() for factor in RIGHT(*curves(truth))]
    found = updates[middle]
    raise Unmet(
        f"The steps do not follow the formula. At step {order[middle]} "
        f"x_t enters with the factor {found.of_x:.3f} and "
        f"the predicted noise with {found.of_noise:.3f}.",
        expected=f"{right[0]:.3f} and {right[1]:.3f} at step {order[middle]}",
        actual=f"{found.of_x:.3f} and {found.of_noise:.3f}",
    )


def orders(updates: Sequence[Update]) -> list[list[int]]:
    """The steps that the updates may be meant for: as the network was told, or simply the last first."""
    told = [round(update.t) for update in updates]
    natural = [max(0, STEPS - 1 - number) for number in range(len(updates))]
    orders = [natural]
    if all(update.t == round(update.t) for update in updates):
        orders.insert(0, [min(max(t, 0), STEPS - 1) for t in told])
        if min(told) == 1:
            orders.append([min(max(t - 1, 0), STEPS - 1) for t in told])
    return orders


def fits(updates: Sequence[Update], order: Sequence[int], factors: Factors, truth: NoiseDiffuser) -> bool:
    """Whether every step has these factors, within 0.3 % and six standard errors; one step may be odd (a
    clamp's).
    """
    of_x, of_noise = factors(*curves(truth))
    odd = 0
    for update, step in zip(updates, order, strict=True):
        right_x, right_noise = of_x[step].item(), of_noise[step].item()
        near_x = abs(update.of_x - right_x) <= 3e-3 * abs(right_x) + 6 * update.error_x
        near_noise = (
            abs(update.of_noise - right_noise) <= 3e-3 * abs(right_noise) + 1e-5 + 6 * update.error_noise
        )
        odd += not (near_x and near_noise)
    return odd <= (1 if len(updates) > 10 else 0)


def expect_order(sampling: Sampling) -> str:
    """The network is asked at every step once, last to first, and the last update is returned. Returns what
    was found.
    """
    expect_calls(sampling)
    run = sampling.first
    told = [call.t.flatten()[0].item() for call in run.calls if call.t is not None]
    actual = f"{len(told)} steps, from t = {told[0]:g} to t = {told[-1]:g}"
    expected = f"{STEPS} steps, from {STEPS - 1} to 0"
    if run.error:
        raise Unmet(f"generate_samples stopped after {len(told)} steps: {run.error}", expected=expected)
    gaps = {round(a - b, 6) for a, b in itertools.pairwise(told)}
    if len(told) > 1 and all(gap < 0 for gap in gaps):
        raise Unmet(
            "The steps are taken from the first to the last, which is the direction of the noising.",
            expected=expected,
            actual=actual,
            misconception="forward-order",
        )
    if len(told) != STEPS:
        id = _left_out(told)
        raise Unmet(
            f"{len(told)} steps are taken instead of {STEPS}.",
            expected=expected,
            actual=actual,
            misconception=id,
        )
    if len(gaps) != 1 or min(gaps) <= 0:
        raise Unmet(
            "The steps that the network is told do not count down evenly.",
            expected=expected,
            actual=actual,
            misconception="steps-uneven",
        )
    _expect_last_update(sampling, expected)
    return actual


def _left_out(told: Sequence[float]) -> str | None:
    if len(told) != STEPS - 1:
        return None
    return "first-step-left-out" if told[0] in (STEPS - 2, STEPS - 2 + 1e-9) else "last-step-left-out"


def _expect_last_update(sampling: Sampling, expected: str) -> None:
    run = sampling.first
    last = run.calls[-1].x
    if run.result is None or last is None or last.numel() != run.result.numel():
        return  # of the wrong shape, which sample.shape says
    if torch.allclose(run.result, last.reshape(SHAPE), atol=1e-6):
        raise Unmet(
            "The result is the image before the last step: the last update is dropped, or not computed.",
            expected=expected,
            actual="the last update is missing in the result",
            misconception="last-update-dropped",
        )
    for call in run.calls[:-1]:
        if call.x is not None and torch.allclose(run.result, call.x.reshape(SHAPE), atol=1e-6):
            raise Unmet(
                "The result is not the last image but an earlier one.", misconception="not-the-last-image"
            )


def expect_noise(sampling: Sampling, truth: NoiseDiffuser) -> str:
    """At every step but the last, fresh noise is added, σ² = β or the posterior variance. Returns what was
    found.
    """
    expect_calls(sampling)
    sigmas, z, order = _sigmas(sampling)
    betas, alphas, alpha_bar = curves(truth)
    before = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
    accepted = {
        "√β": betas.sqrt(),
        "the posterior deviation": (betas * (1 - before) / (1 - alpha_bar)).sqrt(),
    }
    late = [
        number for number, step in enumerate(order) if step > 1
    ]  # at the last two, either is common usage
    measured, steps = sigmas[late], torch.tensor([order[number] for number in late])
    middle = len(late) // 2
    where = int(steps[middle])
    expected = f"σ = {accepted['√β'][where]:.3f} at step {where}"
    actual = f"σ = {measured[middle]:.3f}"
    if bool((measured < 1e-3 * accepted["√β"][steps]).all()):
        raise Unmet(
            "No noise is added between the steps.", expected=expected, actual="none", misconception="no-z"
        )
    for name, curve in accepted.items():
        if _like(measured, curve[steps]):
            _expect_fresh(z, sigmas)
            return f"{actual}, which is {name}"
    known = (
        ("z-times-beta", betas, "it is β, not its square root"),
        ("z-unscaled", torch.ones_like(betas), "z is added as it is, without σ"),
        ("sigma-of-alpha", alphas.sqrt(), "it is √α"),
        (
            "sigma-mean-factor",
            betas / (1 - alpha_bar).sqrt(),
            "it is β/√(1−ᾱ), the factor of the predicted noise",
        ),
        ("sigma-of-alpha-bar", (1 - alpha_bar).sqrt(), "it is √(1−ᾱ)"),
        ("sigma-inside", (betas / alphas).sqrt(), "it is √β divided by √α: z is inside the bracket"),
    )
    for id, curve, words in known:
        if _like(measured, curve[steps]):
            raise Unmet(
                f"The noise between the steps has the wrong strength: {words}.",
                expected=expected,
                actual=actual,
                misconception=id,
            )
    if float(z.double().nan_to_num().std()) and _repeats(z):
        raise Unmet(
            "The same z is added at every step.",
            expected="z drawn anew at every step",
            misconception="z-fixed",
        )
    raise Unmet("The noise between the steps has the wrong strength.", expected=expected, actual=actual)


def _sigmas(sampling: Sampling) -> tuple[Tensor, Tensor, list[int]]:
    """Strength of what each step adds, z scaled to strength 1, (steps, N, 1, 28, 28), and the steps."""
    solved = [update for update in sampling.updates if math.isfinite(update.of_x)]
    if len(solved) < 5:
        raise Blocked("Too few steps could be followed to tell the noise from the rest.")
    if sum(update.stray > 0.2 for update in solved) > len(solved) / 2:
        raise Blocked(
            "The steps are no fixed mix of x_t and the predicted noise, so their noise cannot be told apart."
        )
    order = orders(solved)[0]
    parts = [update.z for update in solved]
    sigmas = torch.stack([part[~part.isnan()].std() for part in parts])
    z = torch.stack([part.nan_to_num() for part in parts]) / sigmas.clamp_min(1e-12).view(-1, 1, 1, 1, 1)
    return sigmas.double(), z, order


def _like(measured: Tensor, expected: Tensor) -> bool:
    """Whether deviations of 7,840 pixels each, 0.8 % their standard error, agree with a curve: six of them,
    and on average.
    """
    ratio = (measured / expected.clamp_min(1e-12)).clamp_min(1e-12).log()
    return bool((ratio.abs() < 0.05).all()) and abs(ratio.mean().item()) < 0.01


def _expect_fresh(z: Tensor, sigmas: Tensor) -> None:
    audible = z[sigmas > 1e-6]
    if _repeats(audible):
        raise Unmet(
            "The same z is added at every step.",
            expected="z drawn anew at every step",
            misconception="z-fixed",
        )
    if abs(_likeness(audible[0, 0], audible[0, 1])) > 0.5:
        raise Unmet("All samples get the same z.", expected="z of the shape of x_t", misconception="z-shared")
    kurtosis = audible.pow(4).mean().item()
    if (
        abs(kurtosis - 3) > 0.15 or abs(audible.mean().item()) > 0.03
    ):  # over 380,000 pixels: 3 ± 0.008, 0 ± 0.002
        raise Unmet(
            "z is not normally distributed around 0.",
            expected="z from a standard normal",
            misconception="z-not-normal",
        )


def _repeats(z: Tensor) -> bool:
    return len(z) > 2 and abs(_likeness(z[0], z[1])) > 0.5 and abs(_likeness(z[1], z[2])) > 0.5


def _likeness(first: Tensor, second: Tensor) -> float:
    a, b = (z.flatten().double() - z.double().mean() for z in (first, second))
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-30))
