"""The numbers that a ``train`` returns are compared with the losses of its batches, in any scale."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from rubrics.ddpm.trainer.loss_curves import KnownLosses, LossKind, kind_of
from rubrics.ddpm.trainer.setup import BATCHES, OUTPUTS, VALIDATION_BATCHES


def _losses() -> KnownLosses:
    """Return the losses of a run on outputs as the double of the network gives them."""
    generator = torch.Generator().manual_seed(0)
    shape = (16, 1, 28, 28)
    pairs = [
        (deviation * torch.randn(shape, generator=generator), torch.randn(shape, generator=generator))
        for deviation in OUTPUTS
    ]
    curves = []
    for measure in (F.mse_loss, F.l1_loss, F.smooth_l1_loss):
        every = iter([float(measure(*pair)) for pair in pairs])
        curves.append([list(itertools.islice(every, count)) for count in (BATCHES, VALIDATION_BATCHES) * 2])
    return KnownLosses(tuple(each[::2] for each in curves), tuple(each[1::2] for each in curves))


LOSSES = _losses()
TRAINING, VALIDATION = LOSSES.training[0], LOSSES.validation[0]


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([sum(epoch) / BATCHES for epoch in TRAINING], LossKind.TRAINING),
        ([64 * sum(epoch) for epoch in TRAINING], LossKind.TRAINING),
        ([round(sum(epoch) / BATCHES, 3) for epoch in TRAINING], LossKind.TRAINING),
        ([sum(epoch) for epoch in LOSSES.training[1]], LossKind.TRAINING),
        ([sum(epoch) for epoch in VALIDATION], LossKind.VALIDATION),
        ([epoch[-1] for epoch in VALIDATION], LossKind.LAST_BATCH),
        ([sum(TRAINING[0]), sum(TRAINING[0]) + sum(TRAINING[1])], LossKind.NOT_RESET),
        ([sum(a) + sum(b) for a, b in zip(TRAINING, VALIDATION, strict=True)], LossKind.NOT_RESET),
        ([BATCHES / sum(epoch) for epoch in TRAINING], LossKind.INVERSE),
        ([sum(BATCHES / loss for loss in epoch) for epoch in TRAINING], LossKind.INVERSE),
        ([TRAINING[0][0], TRAINING[0][0], TRAINING[1][0], TRAINING[1][0]], LossKind.REPEATED),
        ([1 + sum(epoch) / VALIDATION_BATCHES for epoch in VALIDATION], LossKind.SHIFTED),
        ([sum(epoch) - 0.5 for epoch in TRAINING], LossKind.SHIFTED),
        ([total for epoch in TRAINING for total in itertools.accumulate(epoch)], LossKind.PARTIAL),
        ([0.0, 0.0], LossKind.IMPOSSIBLE),
        ([1.0, 2.0], LossKind.IMPOSSIBLE),
        ([-sum(epoch) for epoch in TRAINING], LossKind.IMPOSSIBLE),
        ([0.5, 0.5], LossKind.IMPOSSIBLE),
        ([sorted(epoch)[3] for epoch in TRAINING], LossKind.UNKNOWN),
        ([loss for epoch in TRAINING for loss in epoch], LossKind.UNKNOWN),
    ],
)
def test_numbers_are_recognised_by_how_they_change(numbers: list[float], kind: LossKind) -> None:
    assert kind_of(numbers, LOSSES) is kind


def test_without_known_losses_only_the_impossible_is_told() -> None:
    assert kind_of([0.4, 0.3], KnownLosses()) is LossKind.UNKNOWN
    assert kind_of([0.3, 0.3], KnownLosses()) is LossKind.UNKNOWN
    assert kind_of([0.0, 0.0], KnownLosses()) is LossKind.IMPOSSIBLE
