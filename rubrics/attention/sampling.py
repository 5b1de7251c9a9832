"""Expectations on the characters that ``generate`` draws: their probabilities, and what seeds do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet

from .generation import Generation, new_tokens
from .interface import VOCAB

SAMPLES, FEW = 240, 6  # tokens to sample, of the first FEW characters; the others have no chance
REPEATED = 30  # tokens of the runs that show whether the seed counts: equal by chance in one of 1e15
# Tokens to sample of EVEN characters that are nearly equally likely: that one of them never comes has a
# probability of 6e-9.
EVEN_SAMPLES, EVEN = 270, 12
TEMPERATURE = 0.3
NEVER = -60.0
# Chi-square with 5 degrees of freedom: a right sampler exceeds it with a probability of 1.4e-8. Over 300
# seeds the mistakes below had 124 or more.
_MOST = 45.0
Distribution = Callable[[Tensor], Tensor]  # of the logits at temperature 1

# Distributions of the sampled characters, by the misconception; None for the right one.
DISTRIBUTIONS: tuple[tuple[str | None, Distribution], ...] = (
    (None, lambda z: (z / TEMPERATURE).softmax(-1)),
    ("temperature-ignored", lambda z: z.softmax(-1)),
    ("temperature-multiplied", lambda z: (z * TEMPERATURE).softmax(-1)),
    ("sampled-greedily", lambda z: (1e6 * z).softmax(-1)),
    ("temperature-after-softmax", lambda z: (z.softmax(-1) / TEMPERATURE).softmax(-1)),
    ("sampled-uniformly", lambda z: torch.full_like(z, 1 / len(z))),
)


def sampling_logits() -> Tensor:
    """Return the logits of every position for the test of sampling, (VOCAB,)."""
    logits = torch.full((VOCAB,), NEVER)
    logits[:FEW] = torch.linspace(0.0, 1.2, FEW)
    return logits


def even_logits() -> Tensor:
    """Return logits by which EVEN characters are nearly equally likely, and no two equally, (VOCAB,)."""
    logits = torch.full((VOCAB,), NEVER)
    logits[:EVEN] = torch.linspace(0.0, 0.1, EVEN)
    return logits


def expect_all_characters(generation: Generation) -> None:
    """Expect all characters of ``even_logits`` in a run of ``EVEN_SAMPLES``."""
    never = EVEN - len(set(new_tokens(generation)))
    if never:
        raise Unmet(
            f"Of {EVEN} characters that are nearly equally likely, your generate never draws {never}.",
            expected="every character with its probability",
            actual=f"{EVEN - never} of the characters",
            misconception="sampled-from-few",
        )


def expect_sampling(first: Generation, again: Generation, other: Generation) -> Mapping[int, int]:
    """Expect characters drawn from softmax(logits / T), new ones for each seed; return how often each came.

    Args:
        first, again: two runs with the same seed.
        other: a run with another seed.
    """
    for generation in (first, again, other):
        if generation.error:
            raise Unmet(f"Your generate fails: {generation.error}")
    tokens = new_tokens(first)
    counts = torch.bincount(torch.tensor(tokens, dtype=torch.int64), minlength=VOCAB).double()
    if len(tokens) < SAMPLES / 2:
        raise Blocked("Your generate returns too few characters to tell how they are drawn.")
    logits = sampling_logits().double()
    apart = {id: _chi_square(counts, share(logits)) for id, share in DISTRIBUTIONS}
    if apart.pop(None) > _MOST:
        known = min(apart, key=apart.__getitem__)
        raise Unmet(
            f"The characters that your generate draws at temperature {TEMPERATURE} do not have the "
            "probabilities softmax(logits / temperature).",
            expected=_shares(DISTRIBUTIONS[0][1](logits)),
            actual=_shares(counts / counts.sum()),
            misconception=known if apart[known] <= _MOST else None,
        )
    if _begin_alike(new_tokens(other), tokens):
        raise Unmet(
            "Your generate draws the same characters whatever the seed.",
            expected="another text for another seed",
            actual="the same text",
            misconception="seeded-inside",
        )
    if not _begin_alike(new_tokens(again), tokens):
        raise Unmet(
            "With the same seed your generate draws other characters.",
            expected="the same text for the same seed",
            actual="another text",
            misconception="seed-without-effect",
        )
    return {number: int(count) for number, count in enumerate(counts[:FEW].tolist())}


def _chi_square(counts: Tensor, share: Tensor) -> float:
    """Return the chi-square statistic of counts, with a probability for each; infinite where one is 0."""
    expected = share * counts.sum()
    likely = expected > 1e-3
    if counts[~likely].sum() > 0:
        return math.inf
    return float(((counts - expected)[likely].square() / expected[likely]).sum())


def _shares(share: Tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in share[:FEW].tolist())


def _begin_alike(some: list[int], more: list[int]) -> bool:
    return some == more[: len(some)]
