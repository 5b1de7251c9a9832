"""Coefficients of x_t and of the predicted noise in one sampling step: the correct ones and known mistakes.

Source: Ho et al. 2020, algorithm 2. Every formula takes beta, alpha and alpha_bar, each (T,), and returns the
two coefficients, each (T,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

Factors = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

RIGHT: Factors = lambda b, a, ab: (a**-0.5, -b * a**-0.5 * (1 - ab) ** -0.5)  # noqa: E731
# By misconception id. The order matters: the first match is reported.
MISTAKES: Sequence[tuple[str, Factors]] = (
    ("factor-missing", lambda b, a, ab: (a * 0 + 1, -b * (1 - ab) ** -0.5)),
    ("alpha-for-alpha-bar-inside", lambda b, a, ab: (a**-0.5, -b * a**-0.5 * b**-0.5)),
    ("alpha-bar-outside", lambda b, a, ab: (ab**-0.5, -b * (ab * (1 - ab)) ** -0.5)),
    ("sign", lambda b, a, ab: (a**-0.5, b * a**-0.5 * (1 - ab) ** -0.5)),
    ("root-missing-outside", lambda b, a, ab: (1 / a, -b / a * (1 - ab) ** -0.5)),
    ("root-missing-inside", lambda b, a, ab: (a**-0.5, -b * a**-0.5 / (1 - ab))),
    ("noise-whole", lambda b, a, ab: (a**-0.5, -(a**-0.5))),
    ("factor-only-on-x", lambda b, a, ab: (a**-0.5, -b * (1 - ab) ** -0.5)),
    ("alpha-for-beta", lambda b, a, ab: (a**-0.5, -a * a**-0.5 * (1 - ab) ** -0.5)),
    ("root-of-alpha", lambda b, a, ab: (a**0.5, -b * a**0.5 * (1 - ab) ** -0.5)),
    ("precedence", lambda b, a, ab: (a**-0.5, -(a**-0.5) * (1 - a * (1 - ab) ** -0.5))),
)
