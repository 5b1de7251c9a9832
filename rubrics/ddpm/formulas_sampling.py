"""The factors of x_t and of the predicted noise in one sampling step: the right ones, and the known mistakes.

Source: Ho et al. 2020, algorithm 2. Every formula takes beta, alpha and alpha_bar, each (T,), and gives both
factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

Factors = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

RIGHT: Factors = lambda b, a, ab: (a**-0.5, -b * a**-0.5 * (1 - ab) ** -0.5)  # noqa: E731
MISTAKES: Sequence[tuple[str, Factors, str]] = (
    ("factor-missing", lambda b, a, ab: (a * 0 + 1, -b * (1 - ab) ** -0.5), "the factor 1/√α is missing"),
    (
        "alpha-for-alpha-bar",
        lambda b, a, ab: (a**-0.5, -b * a**-0.5 * b**-0.5),
        "√(1−α) stands where √(1−ᾱ) belongs",
    ),
    (
        "alpha-bar-outside",
        lambda b, a, ab: (ab**-0.5, -b * (ab * (1 - ab)) ** -0.5),
        "ᾱ stands in the outer factor, where α belongs",
    ),
    (
        "sign",
        lambda b, a, ab: (a**-0.5, b * a**-0.5 * (1 - ab) ** -0.5),
        "the predicted noise is added, not taken away",
    ),
    (
        "root-missing-outside",
        lambda b, a, ab: (1 / a, -b / a * (1 - ab) ** -0.5),
        "the square root of the outer α is missing",
    ),
    (
        "root-missing-inside",
        lambda b, a, ab: (a**-0.5, -b * a**-0.5 / (1 - ab)),
        "the square root of 1−ᾱ is missing",
    ),
    (
        "noise-whole",
        lambda b, a, ab: (a**-0.5, -(a**-0.5)),
        "the predicted noise is taken away whole, without its factor",
    ),
    ("factor-only-on-x", lambda b, a, ab: (a**-0.5, -b * (1 - ab) ** -0.5), "1/√α stands before x_t alone"),
    (
        "alpha-for-beta",
        lambda b, a, ab: (a**-0.5, -a * a**-0.5 * (1 - ab) ** -0.5),
        "α stands where 1−α belongs",
    ),
    (
        "root-of-alpha",
        lambda b, a, ab: (a**0.5, -b * a**0.5 * (1 - ab) ** -0.5),
        "√α multiplies where it should divide",
    ),
)
