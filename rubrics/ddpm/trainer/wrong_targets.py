"""Say what a wrong loss compares: a part of the batch, averages, or a mixture of image and noise.

Where the loss is a squared error of (output − τ), its gradient with respect to the output is a multiple of
that difference. A least-squares fit of the gradient by output, image and noise gives τ in terms of the last
two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .recording import ForwardPass, RecordedTraining

_EXPLAINED = 0.02  # largest share of a tensor that a fit may leave unexplained
_NEAR = 0.05  # tolerance of a coefficient that was solved for


class WrongTarget(NamedTuple):
    """What a loss compares: a sentence, what was found in brief, and the misconception."""

    sentence: str
    actual: str
    misconception: str


class _Known(NamedTuple):
    """The arguments of a loss, (B, pixels) each, and the gradient of the loss with respect to the output."""

    output: Tensor
    image: Tensor
    noise: Tensor
    x: Tensor
    gradient: Tensor


# Mixtures by their coefficients of image and noise, where x_t has a and b.
_MIXTURES: tuple[tuple[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]], ...] = (
    ("x_t minus the noise", lambda a, b: (a, b - 1)),
    ("x_t plus the noise", lambda a, b: (a, b + 1)),
    ("the noise minus x_t", lambda a, b: (-a, 1 - b)),
    ("the noise minus the clean image", lambda a, b: (-torch.ones_like(a), torch.ones_like(b))),
    ("the clean image minus the noise", lambda a, b: (torch.ones_like(a), -torch.ones_like(b))),
    ("the clean image plus the noise", lambda a, b: (torch.ones_like(a), torch.ones_like(b))),
    ("the noise with the opposite sign", lambda a, b: (torch.zeros_like(a), -torch.ones_like(b))),
    ("the velocity √ᾱ·ε − √(1−ᾱ)·x_0", lambda a, b: (-b, a)),
)


def describe_wrong_target(training: RecordedTraining) -> WrongTarget | None:
    """Describe what the loss compares in all batches; None if it is none of what this module knows."""
    known = [one for one in map(_known, training.training_passes) if one is not None]
    if not known:
        return None
    for describe in (_part_of_the_batch, _averages, _mean_over_the_batch, _mixture):
        if found := describe(known):
            return found
    return None


def _known(one: ForwardPass) -> _Known | None:
    tensors = (one.forward.output, one.image, one.noise, one.forward.x, one.gradient)
    present = [tensor.double().flatten(1) for tensor in tensors if tensor is not None]
    if len(present) < len(tensors) or len({tensor.shape for tensor in present}) > 1:
        return None
    known = _Known(*present)
    return known if known.gradient.any() and known.gradient.isfinite().all() else None


def _part_of_the_batch(passes: Sequence[_Known]) -> WrongTarget | None:
    counts = {int(one.gradient.any(dim=1).sum()) for one in passes}
    size = len(passes[0].gradient)
    if len(counts) > 1 or (count := counts.pop()) == size:
        return None
    return WrongTarget(
        f"The loss compares the predictions for {count} of the {size} images of a batch, not for the rest.",
        f"{count} of {size} images",
        "target-part-of-batch",
    )


def _averages(passes: Sequence[_Known]) -> WrongTarget | None:
    """Recognise a gradient that is one number: the loss knows the prediction's mean alone."""
    if any(one.gradient.std() > 1e-3 * one.gradient.abs().mean() for one in passes):
        return None
    return WrongTarget(
        "The loss compares the average of the prediction with a number, not every pixel with its noise.",
        "an average over all pixels",
        "target-wrong",
    )


def _mean_over_the_batch(passes: Sequence[_Known]) -> WrongTarget | None:
    """Recognise a τ that is the same for all images although their noise is not.

    Predictions (B, 1, H, W) and noises (B, H, W) broadcast to (B, B, H, W): each prediction is compared with
    the noises of all images, and the sum of these squared errors is smallest at their mean.
    """
    for one in passes:
        output, gradient = (each - each.mean(dim=0) for each in (one.output, one.gradient))
        scale = (gradient * output).sum() / output.square().sum()
        if len(output) < 2 or scale <= 0 or not _explains(scale * output, gradient):
            return None
    return WrongTarget(
        "The loss compares each prediction with the same target for all images of the batch.",
        "one target for the whole batch",
        "target-shared-by-batch",
    )


def mixes_in_the_image(one: ForwardPass) -> bool:
    """Return whether the loss is a squared error whose target contains the clean image, besides the noise."""
    known = _known(one)
    fits = _fitted_images(known) if known else []
    return known is not None and len(fits) == len(known.x) and any(abs(each[2]) > _NEAR for each in fits)


def _mixture(passes: Sequence[_Known]) -> WrongTarget | None:
    fits = [each for one in passes for each in _fitted_images(one)]
    if len(fits) < sum(len(one.x) for one in passes):
        return None
    a, b, image, noise = torch.stack(fits).T
    for words, mixture in _MIXTURES:
        expected = mixture(a, b)
        if max((image - expected[0]).abs().max(), (noise - expected[1]).abs().max()) < _NEAR:
            return WrongTarget(f"The loss compares the prediction with {words}.", words, "target-mixture")
    return None


def _fitted_images(one: _Known) -> list[Tensor]:
    """Return, for each image that can be fitted, the coefficients of image and noise in x_t, then in τ."""
    fitted = []
    for output, image, noise, x, gradient in zip(*one, strict=True):
        mixed = fit([image, noise, torch.ones_like(image)], x)
        pulled = fit([output, image, noise, torch.ones_like(image)], gradient)
        if mixed is not None and pulled is not None and pulled[0] > 0:
            fitted.append(torch.stack([mixed[0], mixed[1], -pulled[1] / pulled[0], -pulled[2] / pulled[0]]))
    return fitted


def fit(parts: Sequence[Tensor], whole: Tensor) -> Tensor | None:
    """Return the coefficients of the parts whose weighted sum is the whole, all flat; None if none is."""
    matrix = torch.stack(list(parts), dim=1)
    coefficients = torch.linalg.lstsq(matrix, whole[:, None], driver="gelsd").solution[:, 0]
    return coefficients if _explains(matrix @ coefficients, whole) else None


def _explains(found: Tensor, whole: Tensor) -> bool:
    return bool((found - whole).norm() <= _EXPLAINED * whole.norm())
