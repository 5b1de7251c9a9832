"""The schedule and the batch that a student's sampler is probed with."""

from __future__ import annotations

from typing import Final

from reference.pretrained import ScheduleArguments

STEPS: Final = 50
SCHEDULE: Final[ScheduleArguments] = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": STEPS}
COUNT: Final = 10  # samples per run
SHAPE: Final = (COUNT, 1, 28, 28)
