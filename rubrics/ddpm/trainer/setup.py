"""Size of a recorded run of ``train``: two short epochs with small batches, where nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reference.schedule import ScheduleArguments

EPOCHS: Final = 2
BATCHES: Final = 6  # of the training loader, per epoch
VALIDATION_BATCHES: Final = 3
BATCH_SIZE: Final = 16
STEPS: Final = 40
SCHEDULE: Final[ScheduleArguments] = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": STEPS}
ARGUMENTS: Final = (
    *("model", "train_loader", "val_loader", "optimizer", "criterion", "device", "num_epochs", "diffuser"),
    "totalTrainingTimesteps",
)
# Deviation of the network's outputs at each call. Losses fall from epoch to epoch, as they should, and each
# sum of them (of training or validation batches, of the last one, with or without earlier epochs) falls by a
# share of its own: for squared errors any two shares differ by 0.4 % or more.
OUTPUTS: Final = (
    *(1.0, 0.95, 0.9, 0.85, 0.8, 0.75),  # the first epoch's training batches
    *(0.7, 0.6, 0.3),  # its validation batches
    *(0.6, 0.5, 0.4, 0.3, 0.2, 0.1),  # the second epoch's
    *(0.5, 0.3, 0.1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSize:
    """The arguments of a recorded run that code could recognise it by.

    Attributes:
        batches, validation_batches: of the two loaders, per epoch.
        schedule: of the double of the diffuser.
        outputs: deviation of the network's outputs at each call; the last one for all later calls.
    """

    epochs: int = EPOCHS
    batches: int = BATCHES
    validation_batches: int = VALIDATION_BATCHES
    batch_size: int = BATCH_SIZE
    schedule: ScheduleArguments
    outputs: tuple[float, ...] = OUTPUTS

    @property
    def steps(self) -> int:
        """Number of timesteps."""
        return self.schedule["total_steps"]

    @property
    def images(self) -> int:
        """Number of images in a run."""
        return self.epochs * (self.batches + self.validation_batches) * self.batch_size


ANNOUNCED: Final = RunSize(schedule=SCHEDULE)
