"""Size of the recorded run of ``train``: two short epochs with small batches."""

from __future__ import annotations

from typing import Final

from reference.pretrained import ScheduleArguments

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
