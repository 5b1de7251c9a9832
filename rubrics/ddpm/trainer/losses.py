"""Find the losses of every epoch in what ``train`` returns, whatever its structure, and compare them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from grader.checks import Blocked, Unmet
from grader.probes.training_loop import block_if_stopped, comes_back

from .loss_curves import LossKind, are_losses, epoch_averages, kind_of, known_losses
from .recording import RecordedTraining
from .setup import BATCHES, EPOCHS

_SLIPS = {
    LossKind.IMPOSSIBLE: (
        "losses-made-up",
        "The numbers that your train returns cannot be losses: they are negative, whole, or always the same.",
    ),
    LossKind.NOT_RESET: (
        "losses-not-reset",
        "The sum of losses that your train returns contains the losses of earlier batches, too: it is not "
        "set back to zero.",
    ),
    LossKind.LAST_BATCH: (
        "losses-of-last-batch",
        "The numbers that your train returns are the losses of the last batch of each epoch alone.",
    ),
    LossKind.INVERSE: (
        "losses-inverse",
        "The numbers that your train returns rise when the losses fall: a number of batches is divided by "
        "their losses.",
    ),
    LossKind.PARTIAL: (
        "losses-partial-sums",
        "Your train records a number for every batch, the sum of the losses so far, not one for every epoch.",
    ),
    LossKind.SHIFTED: (
        "losses-shifted",
        "The same number is added to all losses that your train returns: a sum does not begin at zero.",
    ),
    LossKind.REPEATED: ("losses-repeated", "Your train returns the loss of every epoch twice."),
}


def expect_losses(training: RecordedTraining) -> None:
    """Expect ``train`` to return the losses of every epoch: a list of them for each loader it uses.

    Averages and sums over all batches are accepted, in any scale. So are numbers that fit no known mistake,
    unless they cannot be losses.

    Raises:
        Unmet: there is no such list, or its numbers are no losses of this run.
        Blocked: ``train`` did not finish.
    """
    if training.error and not comes_back(training):
        raise Unmet(
            f"Your train does not come back, so it returns no losses: {training.error}.",
            expected="the losses of every epoch",
            misconception="train-does-not-return",
        )
    block_if_stopped(training)
    if not training.passes:
        raise Blocked("Your train never calls the network, so there are no losses that it could return.")
    every = _number_lists(training.unwrapped) + _columns(training.unwrapped)
    lists = [numbers for numbers in every if len(numbers) >= EPOCHS]
    if not lists:
        if training.returned is None:
            raise Unmet(
                "Your train returns nothing.",
                expected="the losses of every epoch",
                misconception="returns-nothing",
            )
        one_each = {len(numbers) for numbers in every} == {1}
        if one_each and len(training.training_passes) < EPOCHS * BATCHES:
            return  # of the epochs that it ran; train.optimizer_step reports the others
        raise Unmet(
            f"The lists that your train returns hold one number each after {EPOCHS} epochs."
            if one_each
            else f"What your train returns contains no list of {EPOCHS} losses for {EPOCHS} epochs.",
            expected=f"lists of {EPOCHS} numbers",
            actual="lists of 1 number" if one_each else None,
            misconception="losses-of-one-epoch" if one_each else "losses-missing",
        )
    _expect_whole_validation(training)
    short = [numbers for numbers in _number_lists(training.unwrapped) if len(numbers) < EPOCHS]
    telling = [numbers for numbers in _most_telling(training, training.unwrapped) if len(numbers) >= EPOCHS]
    _expect_values(training, telling or lists)
    if len(telling) == 1 and training.validation_passes:
        _expect_no_short_list(training, short)


def _expect_whole_validation(training: RecordedTraining) -> None:
    """Expect validation to use every batch that it goes through, not the last one alone."""
    size, validating = training.size, training.validation_passes
    batches = sum(event.kind == "batch" and event.name == "validation" for event in training.log)
    sizes = {len(one.forward.x) for one in validating if one.forward.x is not None}
    if (
        len(validating) == size.epochs
        and batches == size.epochs * size.validation_batches > size.epochs
        and sizes == {size.batch_size}
    ):
        raise Unmet(
            "Your validation goes through all of its batches, but computes the loss of the last one alone.",
            expected="the average loss of the batches, for every epoch",
            actual=f"1 of {size.validation_batches} batches of an epoch",
            misconception="losses-of-last-batch",
        )


def _expect_no_short_list(training: RecordedTraining, short: list[list[float]]) -> None:
    """Expect no list besides the losses of one loader that lacks those of some epochs."""
    if _has_empty_list(training.unwrapped):
        raise Unmet(
            "One of the lists that your train returns is empty.",
            expected="the losses of training and of validation",
            actual="one list of losses, and an empty one",
            misconception="losses-list-empty",
        )
    averages = epoch_averages(training)
    if any(abs(numbers[0] - average) < 1e-3 * average for numbers in short for average in averages):
        raise Unmet(
            f"One of the lists that your train returns has the loss of one epoch only, of {EPOCHS}.",
            expected=f"the losses of {EPOCHS} epochs, of training and of validation",
            actual="one list of losses, and one number",
            misconception="losses-list-short",
        )


def expect_numbers_of_the_run(training: RecordedTraining, again: Callable[[], RecordedTraining]) -> None:
    """Expect numbers that fit no losses of the run to change with these, at least, and from epoch to epoch.

    Args:
        again: runs ``train`` with other losses, which fall by other shares.

    Raises:
        Unmet: it returns the same numbers, or multiples of the first one.
    """
    losses = known_losses(training)
    lists = [numbers for numbers in _most_telling(training, training.unwrapped) if len(numbers) >= EPOCHS]
    if any(kind_of(numbers, losses) in (LossKind.TRAINING, LossKind.VALIDATION) for numbers in lists):
        return
    other = again()
    found, changed = _number_lists(training.unwrapped), _number_lists(other.unwrapped)
    if other.error is None and lists and found == changed:
        raise Unmet(
            "Your train returns the same numbers whatever the losses are.",
            expected="the average loss of the batches, for every epoch",
            actual=", ".join(f"{number:.3g}" for number in lists[0][:4]),
            misconception="losses-made-up",
        )
    pairs = list(zip(found, changed, strict=False))
    if (
        losses.training
        and len(found) == len(changed)
        and pairs
        and all(_falls_alike(*pair) for pair in pairs)
    ):
        raise Unmet(
            "From epoch to epoch the numbers that your train returns change alike, whatever the losses are.",
            expected="the average loss of the batches, for every epoch",
            actual=", ".join(f"{number:.3g}" for number in found[0][:4]),
            misconception="losses-made-up",
        )


def _falls_alike(first: list[float], second: list[float]) -> bool:
    """Return whether two lists are multiples of each other, or have the same differences."""
    if len(first) != len(second) or len(first) < EPOCHS or not first[0] * second[0]:
        return False
    shares = [(a / first[0], b / second[0]) for a, b in zip(first, second, strict=True)]
    gaps = [(a - first[0], b - second[0]) for a, b in zip(first, second, strict=True)]
    return any(all(abs(a - b) < 1e-5 for a, b in pairs) for pairs in (shares, gaps))


def lists_of_losses(training: RecordedTraining) -> set[LossKind]:
    """Return of which loaders, TRAINING and VALIDATION, ``train`` returns the losses in a run of any size."""
    losses = known_losses(training)
    lists = _number_lists(training.unwrapped) + _columns(training.unwrapped)
    kinds = ((LossKind.TRAINING, losses.training), (LossKind.VALIDATION, losses.validation))
    return {kind for kind, known in kinds if any(are_losses(numbers, known) for numbers in lists)}


def _expect_values(training: RecordedTraining, lists: list[list[float]]) -> None:
    """Expect the numbers to be losses of this run."""
    losses = known_losses(training)
    kinds = [kind_of(numbers, losses) for numbers in lists]
    if {LossKind.TRAINING, LossKind.VALIDATION} <= set(kinds):
        return
    for kind, (id, fact) in _SLIPS.items():
        made_up = kind is LossKind.IMPOSSIBLE
        half = bool(training.validation_passes) and _is_half_made_up(lists, kinds)
        if kind in kinds and (not made_up or set(kinds) == {kind} or half):
            numbers = lists[kinds.index(kind)]
            raise Unmet(
                fact,
                expected="the average loss of the batches, for every epoch",
                actual=", ".join(f"{number:.3g}" for number in numbers[:4]),
                misconception=id,
            )
    same = len(lists) > 1 and set(kinds) in ({LossKind.TRAINING}, {LossKind.VALIDATION})
    if same and losses.training and losses.validation:
        which = "training" if kinds[0] is LossKind.TRAINING else "validation"
        raise Unmet(
            f"Both lists that your train returns hold the losses of the {which} batches.",
            expected="the losses of training and of validation",
            actual=f"the losses of {which} twice",
            misconception="losses-exchanged",
        )


def _is_half_made_up(lists: list[list[float]], kinds: list[LossKind]) -> bool:
    """Return whether one of two lists holds losses, and the other negative ones or one whole number repeated.

    Other whole numbers beside the losses of one loader may be epochs.
    """
    known = {LossKind.TRAINING, LossKind.VALIDATION} & set(kinds)
    others = [each for each, kind in zip(lists, kinds, strict=True) if kind is LossKind.IMPOSSIBLE]
    return (
        bool(known)
        and len(lists) == 2
        and all(max(each) < 0 or set(each) == {round(each[0])} for each in others)
    )


def _has_empty_list(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(item, list | tuple) and not item for item in inside)


def _most_telling(training: RecordedTraining, value: Any) -> list[list[float]]:
    """Return the lists in a value, or its columns where these are losses that the judge knows, or each twice.

    One row for each of two epochs, [(train, val), (train, val)], looks like one list for each of two loaders.
    """
    losses = known_losses(training)

    def known(lists: list[list[float]]) -> tuple[int, int]:
        kinds = [kind_of(numbers, losses) for numbers in lists]
        right = kinds.count(LossKind.TRAINING) + kinds.count(LossKind.VALIDATION)
        return right, kinds.count(LossKind.REPEATED)

    return max(_number_lists(value), _columns(value), key=known)


def _number_lists(value: Any) -> list[list[float]]:
    """Return every list of numbers in a nested value."""
    if isinstance(value, Tensor):
        return [value.flatten().tolist()] if value.ndim else []
    if isinstance(value, dict):
        return _number_lists(list(value.values()))
    if not isinstance(value, list | tuple):
        return []
    numbers = [_number(item) for item in value]
    if value and all(number is not None for number in numbers):
        return [[number for number in numbers if number is not None]]
    return [found for item in value for found in _number_lists(item)]


def _columns(value: Any) -> list[list[float]]:
    """Return the columns of every table of numbers in a nested value: a list of rows, one for each epoch.

    The lists in a dict are such rows only if its keys are numbered, and a tuple of lists of one number holds
    those of two loaders.
    """
    if isinstance(value, dict):
        if all(any(map(str.isdigit, str(key))) for key in value):
            return _columns(list(value.values()))
        return [found for item in value.values() for found in _columns(item)]
    if not isinstance(value, list | tuple):
        return []
    rows = [_number_lists(item) for item in value]
    if value and all(len(row) == 1 for row in rows):
        if isinstance(value, tuple) and all(len(row[0]) == 1 for row in rows):
            return []
        return [list(column) for column in zip(*(row[0] for row in rows), strict=False)]
    return [found for item in value for found in _columns(item)]


def _number(item: Any) -> float | None:
    if isinstance(item, Tensor) and item.numel() == 1:
        item = item.item()
    return float(item) if isinstance(item, int | float) and math.isfinite(item) else None
