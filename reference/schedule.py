"""Arguments of a noise schedule, and those that the reference is trained with."""

from __future__ import annotations

from typing import Final, TypedDict


class ScheduleArguments(TypedDict):
    """Keyword arguments of ``NoiseDiffuser`` that define a schedule."""

    start_beta: float
    end_beta: float
    total_steps: int


SCHEDULE: Final[ScheduleArguments] = {"start_beta": 1e-4, "end_beta": 0.1, "total_steps": 100}
"""The schedule of the reference's trained weights and of the short training."""
