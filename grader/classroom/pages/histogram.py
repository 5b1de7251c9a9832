"""Histogram of final points, for the class page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from grader.report.summary import points

_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramBin:
    """A bar of the histogram of final points."""

    label: str
    count: int
    height: float  # relative to the highest bar, 0 to 1


def histogram(percents: Sequence[float]) -> list[HistogramBin]:
    """Return a histogram in steps of ten percent; the last bin includes everything above."""
    width = 100 // _BINS
    counts = Counter(min(max(int(percent // width), 0), _BINS - 1) for percent in percents)
    highest = max(counts.values(), default=1)
    return [
        HistogramBin(
            label=f"{points(at * width)} to {points((at + 1) * width)} %",
            count=counts[at],
            height=round(counts[at] / highest, 4),
        )
        for at in range(_BINS)
    ]
