"""Plot the coefficients of a recovered sampler, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from grader.model import Curves, Series

from .fitting import fits, orders
from .formulas import MISTAKES, RIGHT, Factors, Schedule
from .noise_levels import NoiseLevels
from .recovery import RESOLVABLE, SamplerStep

_FACTORS = (
    (0, "Coefficient of x_t at each step", "coefficient of x_t", 1.0),
    (1, "Predicted noise subtracted at each step", "coefficient of ε", -1.0),
)


def coefficient_curves(updates: Sequence[SamplerStep], reference: Schedule) -> Iterator[Curves]:
    """Yield one figure each for the coefficient of x_t, the coefficient of ε, and sigma."""
    fitting = [order for order in orders(updates) if fits(updates, order, RIGHT, reference)]
    order = fitting[0] if fitting else orders(updates)[0]
    mistake = None if fitting else _recognised_mistake(updates, reference)
    own = ([update.x_factor for update in updates], [update.noise_factor for update in updates])
    for which, title, label, sign in _FACTORS:
        right = RIGHT(*reference.curves())[which]
        series = [
            _own_series(order, [sign * value for value in own[which]]),
            Series(label="formula", y=_rounded(sign * right), role="reference"),
        ]
        differs = not fitting and not _near(own[which], right[order])
        if differs and mistake:
            wrong = mistake(*reference.curves())[which]
            series.append(Series(label="the recognised mistake", y=_rounded(sign * wrong), role="mistake"))
        found = "differs from the formula's" if differs else "matches the formula's"
        also = " and matches the recognised mistake" if differs and mistake else ""
        yield _figure("sample.formula", title, f"Your {label} {found}{also}.", label, series)
    yield _sigma_figure(updates, order, reference)


def _sigma_figure(updates: Sequence[SamplerStep], order: Sequence[int], reference: Schedule) -> Curves:
    sigmas = torch.tensor([deviation(update.residual) for update in updates], dtype=torch.float64)
    steps = list(range(len(reference.curves()[0])))
    known = NoiseLevels.at(torch.ones(len(steps)), steps, reference)
    at = [float(step) for step in known.steps]
    accepted = [
        Series(label=f"accepted: {name}", x=at, y=_rounded(curve), role="accepted")
        for name, curve in known.accepted().items()
    ]
    resolved = torch.tensor([update.peak < RESOLVABLE for update in updates]) & torch.isfinite(sigmas)
    noisy = [number for number, step in enumerate(order) if step > 1 and resolved[number]]
    index = [int(order[number]) - 2 for number in noisy]  # the accepted curves begin at step 2
    fitting = [name for name, curve in known.accepted().items() if _near(sigmas[noisy], curve[index], 0.05)]
    found = f"is {fitting[0]}, one of the two accepted" if fitting else "is neither of the two accepted"
    if len(noisy) < 3:
        found = "could not be measured"
    shown = sigmas.masked_fill(~resolved, math.nan)
    series = [_own_series(order, shown.tolist()), *accepted]
    title = "Standard deviation of the noise added at each step"
    return _figure("sample.noise", title, f"Your σ {found}.", "σ", series)


def deviation(residual: Tensor) -> float:
    """Return the standard deviation of the noise that a step added; NaN where too little of it is known."""
    known = residual[~residual.isnan()]
    return float(known.std()) if len(known) > 1 else math.nan


def _recognised_mistake(updates: Sequence[SamplerStep], reference: Schedule) -> Factors | None:
    """Return the known mistake that all steps match; the last is left out, since it may be rescaled."""
    plain = updates[:-1]
    if len(plain) < 3:
        return None
    possible = orders(plain)
    matches = (
        factors for _, factors in MISTAKES if any(fits(plain, o, factors, reference) for o in possible)
    )
    return next(matches, None)


def _near(measured: Sequence[float] | Tensor, expected: Tensor, within: float = 0.01) -> bool:
    """Return whether more than 95 % of the values lie within a relative distance of the expected ones."""
    values = torch.as_tensor(measured, dtype=torch.float64)
    return bool(((values - expected).abs() <= within * expected.abs().clamp_min(1e-3)).double().mean() > 0.95)


def _own_series(order: Sequence[int], values: Sequence[float]) -> Series:
    return Series(
        label="yours", x=[float(step) for step in order], y=_rounded(torch.tensor(values)), role="student"
    )


def _figure(criterion: str, title: str, caption: str, label: str, series: Sequence[Series]) -> Curves:
    return Curves(
        exercise=3,
        title=title,
        caption=caption,
        x_label="step t",
        y_label=label,
        series=series,
        criteria=[criterion],
    )


def _rounded(curve: Tensor) -> list[float]:
    """Return values to plot; NaN, which leaves a gap, for what is not finite or beyond 1e6."""
    return [round(value, 6) if abs(value) < 1e6 else math.nan for value in curve.tolist()]
