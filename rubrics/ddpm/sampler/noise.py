"""The noise that a sampler adds between its steps: strength, freshness, distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from reference.diffuser import NoiseDiffuser

from .expectations import does_not_follow, expect_calls, expect_formula, expect_order, orders
from .formulas import RIGHT
from .noise_levels import NoiseLevels
from .probe import STEPS, RecoveredSampler, SamplerStep


def works(sampling: RecoveredSampler, truth: NoiseDiffuser) -> dict[str, bool]:
    """Which of formula, order and noise are right."""

    def holds(expect: Callable[[], object]) -> bool:
        try:
            expect()
        except (Unmet, Blocked):
            return False
        return True

    return {
        "formula": holds(lambda: expect_formula(sampling, truth)),
        "order": holds(lambda: expect_order(sampling, truth)),
        "noise": holds(lambda: expect_noise(sampling, truth)),
    }


def expect_noise(sampling: RecoveredSampler, truth: NoiseDiffuser) -> str:
    """At every step but the last, fresh noise is added, σ² = β or the posterior variance. Returns what was
    found.
    """
    expect_calls(sampling)
    if sum(map(does_not_follow, sampling.updates)) > len(sampling.updates) / 2:
        return _expect_noise_in_all(sampling, truth)
    updates = _with_known_noise(sampling)
    sigmas = torch.stack([update.z[~update.z.isnan()].std() for update in updates])
    z = torch.stack([update.z.nan_to_num() for update in updates]) / sigmas.clamp_min(1e-12).view(
        -1, 1, 1, 1, 1
    )
    if sum(update.z.isnan().double().mean() > 0.01 for update in updates[:-1]) > len(updates) / 2:
        raise Unmet(
            "Between the steps x_t is cut off, and the noise with it.",
            expected="x_t as the formula gives it; only the result may be cut off",
            actual="pixels held at a limit after most steps",
            misconception="clamped-between-steps",
        )
    possible = [NoiseLevels.at(sigmas, order, truth) for order in orders(updates)]
    told = possible[0]
    if _is_one_number_for_all_pixels(torch.stack([updates[number].z for number in told.late]), told):
        raise Unmet(
            "The same number is added to all pixels of an image.",
            expected="z of the shape of x_t: a number for every pixel",
            misconception="z-one-number",
        )
    if bool((told.measured < 1e-3 * told.beta.sqrt()).all()):
        raise Unmet(
            "No noise is added between the steps.", actual="none", misconception="no-z", **told.expected
        )
    for one in possible:
        for name, curve in one.accepted().items():
            if _like(one.measured, curve):
                _expect_fresh(z[one.late], sigmas[one.late])
                return f"{one.actual['actual']}, which is {name}"
    for one in possible:
        for id, curve in one.mistakes():
            if _like(one.measured, curve):
                what = "The noise between the steps has the wrong strength."
                raise Unmet(what, misconception=id, **one.expected, **one.actual)
    _expect_fresh(z[told.late], sigmas[told.late])
    raise Unmet("The noise between the steps has the wrong strength.", **told.expected, **told.actual)


def _is_one_number_for_all_pixels(z: Tensor, told: NoiseLevels) -> bool:
    """Whether what is added, (steps, B, 1, 28, 28), varies from step to step, but not within an image."""
    z = z.nan_to_num().flatten(2)
    within, size = z.std(dim=2).amax(dim=1), z.square().mean(dim=(1, 2)).sqrt()
    audible = size > 0.01 * told.beta.sqrt()  # a number may come out near zero now and then
    return bool(audible.double().mean() > 0.5) and bool((within < 0.1 * size)[audible].all())


def _expect_noise_in_all(sampling: RecoveredSampler, truth: NoiseDiffuser) -> str:
    """The noise of all steps together, where the network is not shown the image that the steps change.

    With the formula's factors the result is what x_T and the answers make of themselves, plus the noise of
    every step, enlarged by the steps after it: its variance is known for either sigma.
    """
    run = sampling.first
    answers = [call.output for call in run.calls]
    if run.result is None or len(answers) != STEPS or any(answer is None for answer in answers):
        raise Blocked(
            "The noise cannot be told from the rest, since one step does not follow from the other."
        )
    of_x, of_noise = RIGHT(*truth.curves())
    steps = torch.arange(STEPS)
    one = NoiseLevels.at(torch.ones(STEPS), steps.tolist(), truth)
    enlarged = torch.cat([torch.ones(1, dtype=torch.float64), of_x.cumprod(0)[:-1]])  # by the steps below t
    state = run.start.double()
    for answer, step in zip(answers, reversed(range(STEPS)), strict=True):
        assert answer is not None
        state = of_x[step] * state + of_noise[step] * answer.double()
    measured = (run.result.double() - state).std()
    for name, sigma in one.accepted().items():
        expected = (sigma * enlarged[one.steps]).norm()
        if (
            0.9 < measured / expected < 1.1
        ):  # 7,840 pixels: 1 ± 0.008; the noise of the last two steps is optional
            return f"noise of all steps together {measured:.3f}, which is right for {name}"
    raise Unmet(
        "The noise that the steps add has the wrong strength.",
        expected=f"{(one.beta.sqrt() * enlarged[one.steps]).norm():.3f} over all steps",
        actual=f"{measured:.3f}",
        misconception="no-z" if measured < 1e-3 else None,
    )


def _with_known_noise(sampling: RecoveredSampler) -> list[SamplerStep]:
    known = [update for update in sampling.updates if math.isfinite(update.error_x)]  # not if x_T was alike
    solved = [update for update in known if math.isfinite(update.of_x) and update.size < 1e3]
    if len(solved) < 3:
        raise Blocked("Too few steps could be followed to tell the noise from the rest.")
    return solved


def _like(measured: Tensor, expected: Tensor) -> bool:
    """Whether deviations of 7,840 pixels each, 0.8 % their standard error, agree with a curve: six of them,
    and on average.
    """
    ratio = (measured / expected.clamp_min(1e-12)).clamp_min(1e-12).log()
    return bool((ratio.abs() < 0.05).all()) and abs(ratio.mean().item()) < max(
        0.01, 0.048 / len(ratio) ** 0.5
    )


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
