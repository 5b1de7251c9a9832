"""Formulas of known mistakes, with which a wrong recovered curve is compared.

A formula takes beta, alpha and alpha_bar of the right schedule, each (T,), and returns a curve, (T,). A match
names the misconception, so a mistake is recognised by what the code computes and not by its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grader.probes.formulas import Mistake, advanced, delayed

IMAGE = (
    Mistake("image-root-missing", lambda b, a, ab: ab),
    Mistake("image-root-twice", lambda b, a, ab: ab**0.25),
    Mistake("image-alpha-for-alpha-bar", lambda b, a, ab: a.sqrt()),
    Mistake("image-alpha-unrooted", lambda b, a, ab: a),
    Mistake("image-beta", lambda b, a, ab: b.sqrt()),
    Mistake("image-beta", lambda b, a, ab: b),
    Mistake("image-and-noise-exchanged", lambda b, a, ab: (1 - ab).sqrt()),
    Mistake("image-and-noise-exchanged", lambda b, a, ab: 1 - ab),
    Mistake("step-early", lambda b, a, ab: delayed(ab, 1.0).sqrt()),
    Mistake("step-early", lambda b, a, ab: delayed(ab, ab[0].item()).sqrt()),
    Mistake("step-early", lambda b, a, ab: ab.roll(1).sqrt()),
    Mistake("step-late", lambda b, a, ab: advanced(ab).sqrt()),
    Mistake("schedule-read-backwards", lambda b, a, ab: ab.flip(0).sqrt()),
    Mistake("image-not-faded", lambda b, a, ab: torch.ones_like(ab)),
)

NOISE = (
    Mistake("noise-root-missing", lambda b, a, ab: 1 - ab),
    Mistake("noise-root-twice", lambda b, a, ab: (1 - ab) ** 0.25),
    Mistake("noise-of-rooted", lambda b, a, ab: (1 - ab.sqrt()).sqrt()),
    Mistake("noise-one-minus-root", lambda b, a, ab: 1 - ab.sqrt()),
    Mistake("noise-alpha-for-alpha-bar", lambda b, a, ab: b.sqrt()),
    Mistake("noise-beta", lambda b, a, ab: b),
    Mistake("noise-as-strong-as-image", lambda b, a, ab: ab.sqrt()),
    Mistake("noise-as-strong-as-image", lambda b, a, ab: ab),
    Mistake("step-early", lambda b, a, ab: (1 - delayed(ab, 1.0)).sqrt()),
    Mistake("step-early", lambda b, a, ab: (1 - delayed(ab, ab[0].item())).sqrt()),
    Mistake("step-late", lambda b, a, ab: (1 - advanced(ab)).sqrt()),
    Mistake("noise-added-to-image", lambda b, a, ab: ab.sqrt() + (1 - ab).sqrt()),
    Mistake("noise-not-scaled", lambda b, a, ab: torch.ones_like(ab)),
    Mistake("noise-missing", lambda b, a, ab: torch.zeros_like(ab)),
)

# These take start, end and number of steps.
BETAS: tuple[tuple[str, Callable[[float, float, int], Tensor]], ...] = (
    ("betas-reversed", lambda s, e, n: torch.linspace(e, s, n)),
    ("betas-logarithmic", lambda s, e, n: torch.logspace(math.log10(s), math.log10(e), n)),
    ("betas-squared", lambda s, e, n: torch.linspace(s**0.5, e**0.5, n) ** 2),
    ("betas-without-end", lambda s, e, n: torch.linspace(s, e, n + 1)[:-1]),
    ("betas-without-start", lambda s, e, n: torch.linspace(s, e, n + 1)[1:]),
    ("betas-without-ends", lambda s, e, n: torch.linspace(s, e, n + 2)[1:-1]),
    ("betas-constant", lambda s, e, n: torch.full((n,), s)),
)

ALPHAS = (
    Mistake("alphas-are-betas", lambda b, a, ab: b),
    Mistake("alphas-accumulated", lambda b, a, ab: ab),
    Mistake("alphas-rooted", lambda b, a, ab: a.sqrt()),
)

ALPHA_BAR = (
    Mistake("alpha-bar-is-alpha", lambda b, a, ab: a),
    Mistake("alpha-bar-cumsum", lambda b, a, ab: a.cumsum(0)),
    Mistake("alpha-bar-cumsum", lambda b, a, ab: b.cumsum(0)),
    Mistake("alpha-bar-cumsum", lambda b, a, ab: 1 - b.cumsum(0)),
    Mistake("alpha-bar-cumprod-beta", lambda b, a, ab: b.cumprod(0)),
    Mistake("alpha-bar-rooted", lambda b, a, ab: ab.sqrt()),
    Mistake("alpha-bar-complement", lambda b, a, ab: 1 - ab),
    Mistake("alpha-bar-one-product", lambda b, a, ab: torch.full_like(ab, a.prod().item())),
    Mistake("alpha-bar-late", lambda b, a, ab: delayed(ab, 1.0)),
)
