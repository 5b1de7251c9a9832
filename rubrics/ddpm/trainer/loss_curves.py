"""The losses of a recorded run, as the judge knows them, and what a list of numbers may be in their terms."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import torch.nn.functional as F
from torch import Tensor

from .loss_targets import loss_targets
from .recording import ForwardPass, RecordedTraining
from .setup import EPOCHS

# Computed from the same tensors, the numbers agree to float32; rounded to three decimals, to 0.1 %. The
# double's outputs are chosen for this, see ``setup.OUTPUTS``.
_WITHIN = 0.0015


class LossKind(Enum):
    """Kind of a list of numbers, one for each epoch."""

    TRAINING = auto()
    VALIDATION = auto()
    NOT_RESET = auto()
    IMPOSSIBLE = auto()
    LAST_BATCH = auto()
    INVERSE = auto()
    SHIFTED = auto()
    PARTIAL = auto()
    REPEATED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class KnownLosses:
    """The loss of every batch, by epoch; empty where the judge does not know it.

    Attributes:
        training, validation: for each measure of error a list of epochs, each a list of batches.
    """

    training: tuple[list[list[float]], ...] = ()
    validation: tuple[list[list[float]], ...] = ()


def known_losses(training: RecordedTraining) -> KnownLosses:
    """Return the losses of a run that compares prediction and noise; a wrong comparison lost its points."""
    if set(loss_targets(training)) != {"noise"}:
        return KnownLosses()
    return KnownLosses(
        _by_epoch(training.training_passes, training.size.epochs, training.size.batches),
        _by_epoch(training.validation_passes, training.size.epochs, training.size.validation_batches),
    )


def _by_epoch(passes: Sequence[ForwardPass], epochs: int, batches: int) -> tuple[list[list[float]], ...]:
    if len(passes) != epochs * batches or not all(map(_is_comparable, passes)):
        return ()
    found = []
    for measure in (F.mse_loss, F.l1_loss, F.smooth_l1_loss):
        losses = [_loss(measure, one) for one in passes]
        found.append([losses[start : start + batches] for start in range(0, len(losses), batches)])
    return tuple(found)


def epoch_averages(training: RecordedTraining) -> list[float]:
    """Return the average squared error of each pass over a loader, also if there are fewer than epochs."""
    size = training.size
    groups = (
        (training.training_passes, size.batches),
        (training.validation_passes, size.validation_batches),
    )
    return [
        sum(_loss(F.mse_loss, one) for one in passes[start : start + batches]) / batches
        for passes, batches in groups
        for start in range(0, len(passes) - batches + 1, batches)
        if all(map(_is_comparable, passes))
    ]


def _is_comparable(one: ForwardPass) -> bool:
    output, noise = one.forward.output, one.noise
    return output is not None and noise is not None and output.shape == noise.shape


def _loss(measure: object, one: ForwardPass) -> float:
    output, noise = one.forward.output, one.noise
    assert isinstance(output, Tensor)
    assert isinstance(noise, Tensor)
    assert callable(measure)
    return float(measure(output, noise))


def kind_of(numbers: Sequence[float], losses: KnownLosses) -> LossKind:
    """Return what a list of numbers is, in any scale.

    Numbers that fit nothing are unknown, which is accepted: a median, say, or an average that forgets slowly.
    Impossible are negative numbers, whole ones, and the same one for every epoch: no batch has such a loss.
    """
    if any(number < 0 for number in numbers) or all(number == round(number) for number in numbers):
        return LossKind.IMPOSSIBLE
    if len(numbers) != EPOCHS:
        if any(_partial(numbers, epochs) for each in (losses.training, losses.validation) for epochs in each):
            return LossKind.PARTIAL
        repeated = len(numbers) == 2 * EPOCHS and numbers[::2] == numbers[1::2]
        return LossKind.REPEATED if repeated else LossKind.UNKNOWN
    for kind, known in ((LossKind.TRAINING, losses.training), (LossKind.VALIDATION, losses.validation)):
        if are_losses(numbers, known):
            return kind
    if any(_proportional(numbers, sums) for sums in _sums_not_reset(losses)):
        return LossKind.NOT_RESET
    if any(_shifted(numbers, epochs) for known in (losses.training, losses.validation) for epochs in known):
        return LossKind.SHIFTED
    for known in (losses.training, losses.validation):
        if any(_proportional(numbers, [epoch[-1] for epoch in epochs]) for epochs in known):
            return LossKind.LAST_BATCH
        inverse = [
            [[1 / sum(epoch) for epoch in epochs], [sum(1 / loss for loss in epoch) for epoch in epochs]]
            for epochs in known
        ]
        if any(_proportional(numbers, sums) for pair in inverse for sums in pair):
            return LossKind.INVERSE
    if (losses.training or losses.validation) and max(numbers) - min(numbers) < 1e-6 * max(numbers):
        return LossKind.IMPOSSIBLE
    return LossKind.UNKNOWN


def are_losses(numbers: Sequence[float], known: Sequence[Sequence[Sequence[float]]]) -> bool:
    """Return whether numbers are the sums or averages of these batches, one for each epoch, in any scale.

    Args:
        known: ``training`` or ``validation`` of the known losses.
    """
    sums = [[sum(epoch) for epoch in epochs] for epochs in known]
    return any(len(numbers) == len(each) and _proportional(numbers, each) for each in sums)


def _sums_not_reset(losses: KnownLosses) -> list[list[float]]:
    """Return the sums of a run in which they are not set to zero for each epoch, or before validation."""
    found = []
    for known in (losses.training, losses.validation):
        for epochs in known:
            sums = [sum(epoch) for epoch in epochs]
            found.append([sum(sums[: number + 1]) for number in range(EPOCHS)])
    for training, validation in zip(losses.training, losses.validation, strict=False):
        both = [sum(first) + sum(second) for first, second in zip(training, validation, strict=True)]
        found.append(both)
        everything = [sum(both[: number + 1]) for number in range(EPOCHS)]
        found.append(everything)
        found.append([total - sum(last) for total, last in zip(everything, validation, strict=True)])
    return found


def _partial(numbers: Sequence[float], epochs: Sequence[Sequence[float]]) -> bool:
    """Return whether the numbers are the sums so far, at every batch of every epoch."""
    sums = [total for epoch in epochs for total in itertools.accumulate(epoch)]
    return len(numbers) == len(sums) and _proportional(numbers, sums)


def _shifted(numbers: Sequence[float], epochs: Sequence[Sequence[float]]) -> bool:
    """Return whether the numbers are averages or sums over batches, plus one number of at least 0.01."""
    for size in (1, len(epochs[0])):
        gaps = [number - sum(epoch) / size for number, epoch in zip(numbers, epochs, strict=True)]
        if abs(gaps[0]) > 0.01 and max(gaps) - min(gaps) < 1e-4 * max(numbers):
            return True
    return False


def _proportional(numbers: Sequence[float], sums: Sequence[float]) -> bool:
    ratios = [number / total for number, total in zip(numbers, sums, strict=True)]
    return ratios[0] > 0 and all(abs(ratio / ratios[0] - 1) < _WITHIN for ratio in ratios)
