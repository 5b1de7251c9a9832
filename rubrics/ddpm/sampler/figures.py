"""Draws the coefficients of a recovered sampler, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from grader.model import Curves, Series
from reference.diffuser import NoiseDiffuser

from .expectations import fits, orders
from .formulas import MISTAKES, RIGHT, Factors
from .noise_levels import NoiseLevels
from .probe import SamplerStep

_FACTORS = (
    (0, "How strongly x_t enters each step", "factor of x_t", 1.0),
    (1, "How much predicted noise each step takes away", "factor of ε", -1.0),
)

_LOUD = 1e3  # values of x_t beside which float32 keeps no noise


def coefficients(updates: Sequence[SamplerStep], truth: NoiseDiffuser) -> Iterator[Curves]:
    """The factors of x_t and ε, and the strength of the noise between the steps."""
    fitting = [order for order in orders(updates) if fits(updates, order, RIGHT, truth)]
    order = fitting[0] if fitting else orders(updates)[0]
    mistake = None if fitting else _recognised(updates, truth)
    own = ([update.of_x for update in updates], [update.of_noise for update in updates])
    for which, title, label, sign in _FACTORS:
        right = RIGHT(*truth.curves())[which]
        series = [
            _yours(order, [sign * value for value in own[which]]),
            Series(label="formula", y=_rounded(sign * right), role="reference"),
        ]
        differs = not fitting and not _near(own[which], right[order])
        if differs and mistake:
            wrong = mistake(*truth.curves())[which]
            series.append(Series(label="the recognised mistake", y=_rounded(sign * wrong), role="mistake"))
        found = "departs from the formula's" if differs else "lies on the formula's"
        also = ", and lies on the curve of the recognised mistake" if differs and mistake else ""
        yield _figure(title, f"Your {label} {found}{also}.", label, series)
    yield _strength(updates, order, truth)


def _strength(updates: Sequence[SamplerStep], order: Sequence[int], truth: NoiseDiffuser) -> Curves:
    sigmas = torch.tensor([_deviation(update.z) for update in updates], dtype=torch.float64)
    steps = list(range(len(truth.betas)))
    known = NoiseLevels.at(torch.ones(len(steps)), steps, truth)
    at = [float(step) for step in known.steps]
    accepted = [
        Series(label=f"accepted: {name}", x=at, y=_rounded(curve), role="accepted")
        for name, curve in known.accepted().items()
    ]
    audible = torch.tensor([update.size < _LOUD for update in updates]) & torch.isfinite(sigmas)
    late = [number for number, step in enumerate(order) if step > 1 and audible[number]]
    place = [int(order[number]) - 2 for number in late]
    fitting = [name for name, curve in known.accepted().items() if _near(sigmas[late], curve[place], 0.05)]
    found = f"is {fitting[0]}, one of the two accepted" if fitting else "is neither of the two accepted"
    if len(late) < 3:
        found = "could not be told from the rest of the steps"
    shown = sigmas.masked_fill(~audible, math.nan)
    series = [_yours(order, shown.tolist()), *accepted]
    return _figure("How strong the noise is that each step adds", f"Your σ {found}.", "σ", series)


def _deviation(z: Tensor) -> float:
    known = z[~z.isnan()]
    return float(known.std()) if len(known) > 1 else math.nan


def _recognised(updates: Sequence[SamplerStep], truth: NoiseDiffuser) -> Factors | None:
    """The factors of the known mistake that all steps have; the last one may be stretched for show."""
    plain = updates[:-1]
    if len(plain) < 3:
        return None
    possible = orders(plain)
    alike = (factors for _, factors in MISTAKES if any(fits(plain, o, factors, truth) for o in possible))
    return next(alike, None)


def _near(measured: Sequence[float] | Tensor, expected: Tensor, within: float = 0.01) -> bool:
    values = torch.as_tensor(measured, dtype=torch.float64)
    return bool(((values - expected).abs() <= within * expected.abs().clamp_min(1e-3)).double().mean() > 0.95)


def _yours(order: Sequence[int], values: Sequence[float]) -> Series:
    return Series(
        label="yours", x=[float(step) for step in order], y=_rounded(torch.tensor(values)), role="student"
    )


def _figure(title: str, caption: str, label: str, series: Sequence[Series]) -> Curves:
    return Curves(exercise=3, title=title, caption=caption, x_label="step t", y_label=label, series=series)


def _rounded(curve: Tensor) -> list[float]:
    """Values for a curve; what is no number, or is beyond all bounds, is a gap."""
    return [round(value, 6) if abs(value) < 1e6 else math.nan for value in curve.tolist()]
