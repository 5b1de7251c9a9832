"""The schedule and the batch that a student's sampler is probed with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reference.schedule import ScheduleArguments

STEPS: Final = 50
SCHEDULE: Final[ScheduleArguments] = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": STEPS}
COUNT: Final = 10  # samples per run
SHAPE: Final = (COUNT, 1, 28, 28)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A schedule and a number of samples to call a sampler with.

    Attributes:
        schedule: arguments of the diffuser.
        count: number of samples.
    """

    schedule: ScheduleArguments
    count: int

    @property
    def steps(self) -> int:
        """Number of timesteps."""
        return self.schedule["total_steps"]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of x_T."""
        return (self.count, *SHAPE[1:])


ANNOUNCED: Final = Setup(schedule=SCHEDULE, count=COUNT)
