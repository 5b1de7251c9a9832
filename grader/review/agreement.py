"""How far a person agrees with the judge on a criterion: from a stratified sample to the class, and κ.

The sample is drawn apart from what the judge passed and what it did not, so each part is weighted by its size
in the class. κ is Cohen's: agreement beyond what the margins alone would give. Its interval comes from
Jeffreys's posterior of each part (a beta distribution), which stays honest where no disagreement was found.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_DRAWS = 4000
_OUTSIDE = 0.025  # share of the draws on either side of the interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the judge decided alike: how many there are in the class, how many were rated, and agreed with."""

    in_class: int
    rated: int
    agreed: int

    @property
    def share(self) -> float:
        """The share of the ratings that agree; 1 without any, where nothing is known to differ."""
        return self.agreed / self.rated if self.rated else 1.0

    def drawn(self, source: random.Random) -> float:
        """Return a share of agreement that the ratings leave possible, drawn from its posterior."""
        return source.betavariate(self.agreed + 0.5, self.rated - self.agreed + 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement in the class.

    Attributes:
        share: of the class on which a person would agree with the judge, 0 to 1.
        kappa: -1 to 1; None where the judge decided alike for everybody.
        interval: of 95 % for κ.
    """

    share: float
    kappa: float | None
    interval: tuple[float, float] | None


def agreement(passed: Part, lost: Part) -> Agreement | None:
    """Return the agreement on a criterion; None while a part of the class is without a rating."""
    if (
        any(part.in_class and not part.rated for part in (passed, lost))
        or not passed.in_class + lost.in_class
    ):
        return None
    weight = passed.in_class / (passed.in_class + lost.in_class)
    share = weight * passed.share + (1 - weight) * lost.share
    if not passed.in_class or not lost.in_class:
        return Agreement(share=share, kappa=None, interval=None)
    source = random.Random(0)  # the same ratings give the same interval
    draws = sorted(_kappa(weight, passed.drawn(source), lost.drawn(source)) for _ in range(_DRAWS))
    cut = int(_OUTSIDE * _DRAWS)
    kappa = _kappa(weight, passed.share, lost.share)
    return Agreement(share=share, kappa=kappa, interval=(draws[cut], draws[-1 - cut]))


def _kappa(weight: float, agreed_on_passed: float, agreed_on_lost: float) -> float:
    """Return Cohen's κ of the judge, who passes a share ``weight``, and a person."""
    share = weight * agreed_on_passed + (1 - weight) * agreed_on_lost
    passes = weight * agreed_on_passed + (1 - weight) * (1 - agreed_on_lost)
    by_chance = weight * passes + (1 - weight) * (1 - passes)
    return (share - by_chance) / (1 - by_chance)
