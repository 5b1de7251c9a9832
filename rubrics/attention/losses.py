"""Expectations on the losses that ``train`` returns: a mean for each epoch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from grader.checks import Unmet
from grader.probes.training_loop import block_if_stopped

from .training import BATCH, BATCHES, EPOCHS, Pass, RecordedTraining, read_targets


def expect_losses(training: RecordedTraining) -> list[float]:
    """Expect a mean loss for each epoch, and return what is expected."""
    block_if_stopped(training)
    own = [_loss(one) for one in training.training_passes]
    if len(own) < EPOCHS * BATCHES or any(loss is None for loss in own) or not read_targets(training).fits:
        own = []  # the loss cannot be computed from its gradient, so any numbers are accepted
    per_epoch = [own[n * BATCHES : (n + 1) * BATCHES] for n in range(EPOCHS)] if own else []
    means = [sum(filter(None, losses)) / BATCHES for losses in per_epoch]
    found = _numbers(training.returned)
    if found is None:
        raise Unmet(
            "Your train returns no list of losses.",
            expected=f"a list of {EPOCHS} numbers for {EPOCHS} epochs",
            actual="nothing" if training.returned is None else type(training.returned).__name__,
            misconception="returns-nothing" if training.returned is None else "losses-missing",
        )
    if len(found) == EPOCHS * BATCHES:
        raise Unmet(
            f"Your train returns {len(found)} losses for {EPOCHS} epochs, one for each batch.",
            expected=f"{EPOCHS} numbers",
            actual=f"{len(found)} numbers",
            misconception="losses-of-batches",
        )
    if len(found) < EPOCHS and len(found) * BATCHES == len(training.training_passes):
        return means  # of the epochs that it ran; train.step reports the others
    if len(found) != EPOCHS:
        raise Unmet(
            f"Your train returns {len(found)} losses for {EPOCHS} epochs.",
            expected=f"{EPOCHS} numbers",
            actual=f"{len(found)} numbers",
            misconception="losses-missing",
        )
    if not means or _close(found, means):
        return means
    last = [losses[-1] or 0.0 for losses in per_epoch]
    running = [sum(means[: n + 1]) for n in range(EPOCHS)]
    sums = any(_proportional(found, running, factor) for factor in (1, BATCHES))
    known: str | None = (
        "losses-not-reset" if sums else "losses-of-last-batch" if _close(found, last) else None
    )
    if any(_proportional(found, means, n) for n in (BATCHES, BATCH, BATCHES * BATCH, 1 / BATCH)):
        known = known or "losses-not-divided"
    raise Unmet(
        "The losses that your train returns are not the means of its epochs.",
        expected=", ".join(f"{mean:.3f}" for mean in means),
        actual=", ".join(f"{loss:.3f}" for loss in found),
        misconception=known,
    )


def _loss(one: Pass) -> float | None:
    """Return the cross-entropy of a pass with the targets that its gradient shows."""
    logits, gradient = one.forward.output, one.gradient
    if logits is None or gradient is None or gradient.shape != logits.shape:
        return None
    sizes = gradient.abs().sum(-1)
    counts = sizes > 1e-3 * sizes.max().clamp_min(1e-30)
    logs = logits.double().log_softmax(-1)
    target = (gradient.double() / logs.exp()).argmin(-1)
    return float(-logs.gather(-1, target[..., None])[..., 0][counts].mean())


def _numbers(returned: Any) -> list[float] | None:
    """Return the first list of numbers in what ``train`` returned."""
    if isinstance(returned, Tensor) and returned.ndim == 1:
        return [float(item) for item in returned]
    if not isinstance(returned, list | tuple) or not returned:
        return None
    items = [float(i) if isinstance(i, Tensor) and i.numel() == 1 else i for i in returned]
    if all(isinstance(item, int | float) for item in items):
        return [float(item) for item in items]
    return next((found for item in returned if (found := _numbers(item)) is not None), None)


def _proportional(found: list[float], means: list[float], factor: float) -> bool:
    return _close(found, [factor * mean for mean in means])


def _close(found: list[float], expected: list[float]) -> bool:
    return all(abs(a - b) < 2e-3 * max(abs(b), 1e-6) for a, b in zip(found, expected, strict=True))
