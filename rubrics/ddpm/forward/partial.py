"""Forward processes of which one coefficient follows an accepted formulation and the other none."""

from __future__ import annotations

from dataclasses import dataclass

from reference.readings import READINGS, Reading

from .probe import Forward
from .schedule import MatchedReading, fits_image, fits_noise


@dataclass(frozen=True, slots=True)
class PartialReading:
    """The formulation that one coefficient follows; the other is wrong under any.

    Attributes:
        image: whether it is the image's coefficient that follows it, not the noise's.
    """

    reading: Reading
    image: bool


def partial_reading(forward: Forward, match: MatchedReading) -> PartialReading | None:
    """Return the formulation by which a process with one wrong coefficient is judged.

    None if both coefficients, or neither, follow one: a mixture of two formulations is judged by the paper's.
    """
    images = _following(forward, match, image=True)
    noises = _following(forward, match, image=False)
    if bool(images) == bool(noises):
        return None
    return PartialReading((images or noises)[0], image=bool(images))


def fades(forward: Forward, match: MatchedReading) -> bool:
    """Return whether the image has the coefficient of an accepted formulation."""
    return bool(_following(forward, match, image=True))


def _following(forward: Forward, match: MatchedReading, *, image: bool) -> list[Reading]:
    """Return the formulations that have this coefficient of the image, or of the noise."""

    def fits(reading: Reading) -> bool:
        if image:
            return any(fits_image(forward, reading, alpha_bar) for alpha_bar in match.alpha_bars)
        return any(fits_noise(forward, reading, alpha_bar, match.scaled) for alpha_bar in match.alpha_bars)

    return [reading for reading in READINGS.values() if fits(reading)]
