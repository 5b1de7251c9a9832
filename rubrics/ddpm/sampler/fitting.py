"""Compare the recovered coefficients of a sampler's steps with formulas: the right one and known mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .formulas import MISTAKES, RIGHT, Factors, Schedule
from .own_schedule import OwnSchedule
from .probe import RecoveredSampler
from .recovery import RESOLVABLE, SamplerStep
from .setup import STEPS


def orders(updates: Sequence[SamplerStep]) -> list[list[int]]:
    """Return the timesteps that the updates may belong to, most likely first.

    Candidates are the timesteps passed to the network, counted from 0 or from 1, and the plain countdown.
    """
    passed = [round(update.t) for update in updates]
    countdown = [max(0, STEPS - 1 - number) for number in range(len(updates))]
    orders = [countdown]
    if updates and all(update.t == round(update.t) for update in updates):
        orders.insert(0, [min(max(t, 0), STEPS - 1) for t in passed])
        if min(passed) == 1:
            orders.append([min(max(t - 1, 0), STEPS - 1) for t in passed])
    return orders


def fits(updates: Sequence[SamplerStep], order: Sequence[int], factors: Factors, reference: Schedule) -> bool:
    """Return whether every step has these coefficients.

    The last step may also rescale the image for display, or leave it unchanged (which ``expect_order``
    reports).
    """
    wrong = [
        number for number in range(len(updates)) if not fits_at(updates, order, factors, reference, number)
    ]
    last = len(updates) - 1
    return not wrong or (
        wrong == [last]
        and last > 10
        and (_is_rescaled(updates[last], order[last], factors, reference) or is_unchanged(updates[last]))
    )


def formula_is_right(sampling: RecoveredSampler, reference: Schedule) -> bool:
    """Return whether every step follows the formula, over the diffuser's schedule or one of its own."""
    updates = sampling.updates
    if any(fits(updates, order, RIGHT, reference) for order in orders(updates)):
        return True
    return OwnSchedule.of(updates, reference) is not None


def fits_at(
    updates: Sequence[SamplerStep],
    order: Sequence[int],
    factors: Factors,
    reference: Schedule,
    number: int,
) -> bool:
    """Return whether one step has these coefficients."""
    update, step = updates[number], order[number]
    right_x, right_noise = (factor[step].item() for factor in factors(*reference.curves()))
    # 0.3 % exceeds float32 rounding about a hundred times; six standard errors cover a fit that is noisy
    # because the two runs barely differ.
    near_x = abs(update.x_factor - right_x) <= 3e-3 * abs(right_x) + 6 * update.x_error
    noise_tolerance = 3e-3 * abs(right_noise) + 1e-5 + 6 * update.noise_error
    return near_x and abs(update.noise_factor - right_noise) <= noise_tolerance


def _is_rescaled(update: SamplerStep, step: int, factors: Factors, reference: Schedule) -> bool:
    """Return whether the result is the right one after a scale and a shift, such as (x + 1) / 2."""
    right_x, right_noise = (factor[step].item() for factor in factors(*reference.curves()))
    scale = update.x_factor / right_x
    common = abs(update.noise_factor / right_noise - scale) < 0.05 * abs(scale)
    return common and scale > 0 and abs(update.residual.nanmean().item()) > 0.02


def is_unchanged(update: SamplerStep) -> bool:
    """Return whether the step returns x_t as it was."""
    return abs(update.x_factor - 1) < 1e-4 and abs(update.noise_factor) < 1e-4


def is_unrelated(update: SamplerStep) -> bool:
    """Return whether the next image is no combination of x_t and the predicted noise, or contains neither."""
    return update.unexplained > 0.2 or (abs(update.x_factor) < 1e-3 and abs(update.noise_factor) < 1e-3)


def identify_formula(updates: Sequence[SamplerStep], reference: Schedule) -> str | None:
    """Return the misconception whose coefficients all steps have, or the part of the formula that is wrong.

    The last step is left out, because it may be rescaled for display.
    """
    resolvable = [number for number, update in enumerate(updates[:-1]) if update.peak < RESOLVABLE]
    for id, factors in MISTAKES:
        for order in orders(updates):
            if len(resolvable) > 2 and all(
                fits_at(updates, order, factors, reference, n) for n in resolvable
            ):
                return id
    return _wrong_factor([updates[number] for number in resolvable], orders(updates)[0], reference)


def _wrong_factor(updates: Sequence[SamplerStep], order: Sequence[int], reference: Schedule) -> str | None:
    """Return which factor is wrong: that of the noise alone, the one in front of the bracket, or None."""
    if len(updates) < 3:
        return None
    steps = torch.tensor(order[: len(updates)])
    right_x, right_noise = (factor[steps] for factor in RIGHT(*reference.curves()))
    x = torch.tensor([update.x_factor for update in updates], dtype=torch.float64)
    noise = torch.tensor([update.noise_factor for update in updates], dtype=torch.float64)
    if not (x.isfinite().all() and noise.isfinite().all()):
        return None
    if bool(((x / right_x - 1).abs() < 3e-3).all()):
        shares = noise / right_noise
        return "noise-factor-scaled" if _is_constant(shares) else "noise-factor-wrong"
    if bool(((noise / x) / (right_noise / right_x) - 1).abs().lt(6e-3).all()):
        doubled = bool((x / right_x / 2 - 1).abs().lt(3e-3).all())
        return "images-rescaled" if doubled and all(map(_loses_one, updates)) else "outer-factor-wrong"
    return None


def _loses_one(update: SamplerStep) -> bool:
    """Return whether a step subtracts 1 from all pixels; the mean of the noise is 0 ± 0.01."""
    return abs(update.residual.nanmean().item() + 1) < 0.1


def _is_constant(values: torch.Tensor) -> bool:
    return bool(values.std() < 3e-3 * values.mean().abs())
