"""What a recovered sampler must be, one expectation for each criterion of its formula."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch

from grader.checks import Blocked, Unmet
from reference.diffuser import NoiseDiffuser

from .formulas import MISTAKES, RIGHT, Factors
from .probe import SHAPE, STEPS, RecoveredSampler, SamplerStep


def expect_calls(sampling: RecoveredSampler) -> None:
    """The network was asked at all."""
    if not sampling.first.calls:
        if sampling.first.error:
            raise Blocked(f"generate_samples stopped before it asked the network: {sampling.first.error}")
        raise Blocked("generate_samples never asks the network for the noise in all of its samples.")


def expect_formula(sampling: RecoveredSampler, truth: NoiseDiffuser) -> None:
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
    if sum(does_not_follow(update) for update in updates) > len(updates) / 2:
        raise Unmet(
            "What the network is asked about does not follow from the step before.",
            expected="x_t as it was given, or as the step before left it",
            actual="an image that depends neither on x_t nor on the predicted noise as it should",
            misconception="network-asked-about-something-else",
        )
    wrong = [number for number in range(len(updates)) if not _fits_at(updates, order, RIGHT, truth, number)]
    shown = wrong[len(wrong) // 2]
    right = [factor[order[shown]].item() for factor in RIGHT(*truth.curves())]
    found = updates[shown]
    raise Unmet(
        f"The steps do not follow the formula. At step {order[shown]} "
        f"x_t enters with the factor {found.of_x:.3f} and "
        f"the predicted noise with {found.of_noise:.3f}.",
        expected=f"{right[0]:.3f} and {right[1]:.3f} at step {order[shown]}",
        actual=f"{found.of_x:.3f} and {found.of_noise:.3f}",
        misconception=_name(updates, truth),
    )


def _name(updates: Sequence[SamplerStep], truth: NoiseDiffuser) -> str | None:
    """The misconception whose factors every step has, the last aside, which may be stretched for show."""
    # A wrong factor may let x_t grow beyond all bounds; then float32 keeps nothing of the noise beside it.
    plain = [number for number, update in enumerate(updates[:-1]) if update.size < 1e3]
    for id, factors in MISTAKES:
        for order in orders(updates):
            if len(plain) > 2 and all(_fits_at(updates, order, factors, truth, n) for n in plain):
                return id
    return None


def does_not_follow(update: SamplerStep) -> bool:
    """Whether the next image is no mix of this one and the predicted noise, or none of them at all."""
    return update.stray > 0.2 or (abs(update.of_x) < 1e-3 and abs(update.of_noise) < 1e-3)


def orders(updates: Sequence[SamplerStep]) -> list[list[int]]:
    """The steps that the updates may be meant for: as the network was told, or simply the last first."""
    told = [round(update.t) for update in updates]
    natural = [max(0, STEPS - 1 - number) for number in range(len(updates))]
    orders = [natural]
    if all(update.t == round(update.t) for update in updates):
        orders.insert(0, [min(max(t, 0), STEPS - 1) for t in told])
        if min(told) == 1:
            orders.append([min(max(t - 1, 0), STEPS - 1) for t in told])
    return orders


def fits(
    updates: Sequence[SamplerStep], order: Sequence[int], factors: Factors, truth: NoiseDiffuser
) -> bool:
    """Whether every step has these factors; the last may be stretched and shifted, as for showing images."""
    wrong = [number for number in range(len(updates)) if not _fits_at(updates, order, factors, truth, number)]
    last = len(updates) - 1
    return not wrong or (
        wrong == [last]
        and last > 10
        and (_is_for_show(updates[last], order[last], factors, truth) or _is_dropped(updates[last]))
    )


def _fits_at(
    updates: Sequence[SamplerStep], order: Sequence[int], factors: Factors, truth: NoiseDiffuser, number: int
) -> bool:
    """Whether one step has these factors, within 0.3 % and six standard errors."""
    update, step = updates[number], order[number]
    right_x, right_noise = (factor[step].item() for factor in factors(*truth.curves()))
    near_x = abs(update.of_x - right_x) <= 3e-3 * abs(right_x) + 6 * update.error_x
    near_noise = abs(update.of_noise - right_noise) <= 3e-3 * abs(right_noise) + 1e-5 + 6 * update.error_noise
    return near_x and near_noise


def _is_for_show(update: SamplerStep, step: int, factors: Factors, truth: NoiseDiffuser) -> bool:
    """Whether the result is the right one, stretched by a common factor and shifted, such as (x + 1) / 2."""
    right_x, right_noise = (factor[step].item() for factor in factors(*truth.curves()))
    stretch = update.of_x / right_x
    common = abs(update.of_noise / right_noise - stretch) < 0.05 * abs(stretch)
    return common and stretch > 0 and abs(update.z.nanmean().item()) > 0.02


def _is_dropped(update: SamplerStep) -> bool:
    """Whether the step leaves x_t as it was, which the order of the steps is charged for."""
    return abs(update.of_x - 1) < 1e-4 and abs(update.of_noise) < 1e-4


def expect_order(sampling: RecoveredSampler, truth: NoiseDiffuser) -> str:
    """The network is asked at every step once, last to first, and the last update is returned. Returns what
    was found.
    """
    expect_calls(sampling)
    run = sampling.first
    for variable, argument in run.stale.items():
        raise Unmet(
            f"generate_samples reads the notebook's variable {variable} where it is given {argument}.",
            expected=f"{argument}, the argument",
            actual=f"{variable}, a variable of the notebook",
            misconception="stale-global",
        )
    told = [call.t.flatten()[0].item() for call in run.calls if call.t is not None]
    actual = f"{len(told)} steps, from t = {told[0]:g} to t = {told[-1]:g}"
    expected = f"{STEPS} steps, from {STEPS - 1} to 0"
    if run.error:
        what = f"generate_samples ended in an error after asking the network {len(told)} times: {run.error}"
        raise Unmet(what, expected=expected)
    gaps = {round(a - b, 6) for a, b in itertools.pairwise(told)}
    by_level = _tells_a_level(told, sampling.updates, truth)
    if len(told) > 1 and all(gap < 0 for gap in gaps) and not by_level:
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
    if (len(gaps) != 1 or min(gaps) <= 0) and not by_level:
        raise Unmet(
            "The steps that the network is told do not count down evenly.",
            expected=expected,
            actual=actual,
            misconception="steps-uneven",
        )
    _expect_start(sampling, expected)
    _expect_last_update(sampling, expected)
    return actual


def _tells_a_level(told: Sequence[float], updates: Sequence[SamplerStep], truth: NoiseDiffuser) -> bool:
    """Whether the network is told no step but what belongs to it, such as the noise's level, which may rise
    or fall: then the factors of the updates say in which direction they go.
    """
    steps = list(itertools.pairwise(told))
    whole = all(number == round(number) for number in told)
    if whole or not (all(a < b for a, b in steps) or all(a > b for a, b in steps)):
        return False
    natural = range(STEPS - 1, -1, -1)
    if fits(updates, natural, RIGHT, truth):
        return True
    evenly = len({round(a - b, 6) for a, b in steps}) == 1
    return not evenly and not fits(updates, natural[::-1], RIGHT, truth)


def _expect_start(sampling: RecoveredSampler, expected: str) -> None:
    first = sampling.first.calls[0].x
    if first is not None and not (0.9 < first.std() < 1.1 and abs(first.mean()) < 0.1):
        raise Unmet(
            "The first step does not begin with noise: the x_t that is given is not used.",
            expected=expected + ", from the noise x_t",
            actual=f"an image of mean {first.mean():.2f} and deviation {first.std():.2f}",
            misconception="start-not-noise",
        )


def _left_out(told: Sequence[float]) -> str | None:
    if len(told) > STEPS:
        return None
    if len(told) != STEPS - 1:
        return "steps-left-out"
    return "first-step-left-out" if told[0] == STEPS - 2 else "last-step-left-out"


def _expect_last_update(sampling: RecoveredSampler, expected: str) -> None:
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
