"""What the loss of a run of ``train`` on stand-ins compared the prediction with."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from reference.diffuser import NoiseDiffuser

from ..interface.doubles import RecordedEvent, cosine
from .probe import SCHEDULE, STEPS, ForwardPass, RecordedTraining


def targets(training: RecordedTraining) -> Counter[str]:
    """What the loss compared the prediction with, over all training passes: noise, clean, noisy, fresh
    (noise, but not the one in the image), or other.

    From the gradients where they came back, otherwise from what the criterion was given.
    """
    found: Counter[str] = Counter()
    compared = [e for e in training.log if e.kind == "compare"]
    for one in training.training_passes:
        if one.gradient is not None and one.forward.output is not None:
            found[_nearest(one.gradient, one)] += 1
            continue
        for event in compared:
            other = _other_side(event, one)
            if other is not None:
                found[_equal(other, one)] += 1
    return found


def _candidates(one: ForwardPass) -> dict[str, Tensor]:
    named = {"noise": one.noise, "clean": one.image, "noisy": one.forward.x}
    return {name: tensor.float() for name, tensor in named.items() if tensor is not None}


def _nearest(gradient: Tensor, one: ForwardPass) -> str:
    """The candidate τ for which the gradient points along (answer − τ): 1.0 for a squared error, 0.8 for an
    absolute.
    """
    assert one.forward.output is not None
    answer = one.forward.output
    likeness = {name: cosine(gradient, answer - tau) for name, tau in _candidates(one).items()}
    best = max(likeness, key=likeness.__getitem__, default="other")
    if likeness.get(best, 0.0) > 0.75:
        return best
    if gradient.shape != answer.shape:
        return "other"
    # Of a mean squared error the target is known exactly, and with it whether that looks like noise.
    return _noise_or_other(answer - gradient * answer.numel() / 2)


def _other_side(event: RecordedEvent, one: ForwardPass) -> Tensor | None:
    """What the network's answer was compared with in this event, if its answer is one of the two sides."""
    answer = one.forward.output
    for side, other in ((event.x, event.target), (event.target, event.x)):
        if (
            answer is not None
            and side is not None
            and side.shape == answer.shape
            and torch.equal(side, answer)
        ):
            return other
    return None


def _equal(other: Tensor, one: ForwardPass) -> str:
    candidates = _candidates(one).items()
    return next(
        (n for n, tau in candidates if tau.shape == other.shape and torch.allclose(tau, other, atol=1e-5)),
        _noise_or_other(other),
    )


def _noise_or_other(target: Tensor) -> str:
    """ "fresh" for what looks like standard normal noise; 12,544 pixels have a deviation of 1 ± 0.006."""
    return "fresh" if abs(target.mean()) < 0.05 and abs(target.std() - 1) < 0.05 else "other"


def own_noise(training: RecordedTraining) -> bool:
    """Whether a ``train`` that mixes images and noise itself does so by the formula, and compares with that
    noise.

    For a squared error of mean reduction the target is answer − gradient · n / 2; with it, x_t must be the
    mix of an image of the batch and that noise.
    """
    schedule = NoiseDiffuser(**SCHEDULE)
    batches = [
        e.image for e in training.log if e.kind == "batch" and e.name == "training" and e.image is not None
    ]
    passes = [p for p in training.training_passes if p.gradient is not None]
    if not passes or len(batches) < len(passes):
        return False
    for one, image in zip(passes, batches, strict=False):
        x, t, answer, gradient = one.forward.x, one.forward.t, one.forward.output, one.gradient
        if x is None or t is None or answer is None or gradient is None or t.numel() != len(x):
            return False
        if bool((t < 0).any() or (t >= STEPS).any() or (t != t.round()).any()):
            return False
        alpha_bar = schedule.alpha_bar[t.long()].view(-1, 1, 1, 1)
        target = answer - gradient * answer.numel() / 2
        mix = training.reading.signal(alpha_bar) * image + training.reading.noise(alpha_bar) * target
        if not torch.allclose(mix, x.float(), atol=1e-2):
            return False
    return True
