"""Say what a recorded run of ``train`` does to the images before and after they are noised."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from grader.checks import Unmet

from .recording import RecordedTraining
from .wrong_targets import fit


class _Input(NamedTuple):
    """The network's input, with x_t, image and noise of the last batch that was noised before; all flat."""

    found: Tensor
    x: Tensor
    image: Tensor
    noise: Tensor


def expect_unchanged_image(training: RecordedTraining) -> None:
    """Expect the network to get the images as the diffuser noised them.

    Raises:
        Unmet: in every batch the same thing was done to them.
    """
    inputs = [] if any(one.noise is not None for one in training.training_passes) else _inputs(training)
    descriptions = {_describe(one) for one in inputs}
    if len(descriptions) == 1 and (words := descriptions.pop()):
        raise Unmet(
            f"The network does not get the noisy image as noise_diffusion returned it, but {words}.",
            expected="the noisy image that noise_diffusion returned",
            actual=words,
            misconception="network-sees-changed-image",
        )


def _inputs(training: RecordedTraining) -> list[_Input]:
    """Return every image that the network got in training after a batch was noised."""
    calls = {one.forward.call for one in training.training_passes}
    found, noised = list[_Input](), None
    for event in training.log:
        if event.kind == "diffuse":
            noised = event
        if event.kind != "forward" or event.call not in calls or noised is None:
            continue
        tensors = (event.x, noised.x, noised.image, noised.target)
        present = [tensor.double().flatten(1) for tensor in tensors if tensor is not None]
        if len(present) == len(tensors) and len({tensor.shape for tensor in present}) == 1:
            found += map(_Input._make, zip(*present, strict=True))
    return found


def _describe(one: _Input) -> str:
    """Describe the input in terms of x_t, image and noise; "" if it is no mixture of these that is known."""
    constant = torch.ones_like(one.x)
    parts = [one.image, one.noise, constant]
    mixed, found = fit(parts, one.x), fit(parts, one.found)
    if mixed is None or found is None:
        return ""
    image, noise, _ = (found - mixed).tolist()
    for words, expected in (("the noise added to it again", (0, 1)), ("the clean image added to it", (1, 0))):
        if abs(image - expected[0]) < 0.02 and abs(noise - expected[1]) < 0.02:
            return f"with {words}"
    return _in_terms_of(one.x, one.found, "x_t")


def rescaled_images(training: RecordedTraining) -> str:
    """Describe the images that the diffuser gets in terms of the loader's; "" if they are the same."""
    batch, descriptions = None, set[str]()
    for event in training.log:
        if event.kind == "batch":
            batch = event.image
        if event.kind == "diffuse" and batch is not None and event.image is not None:
            same = batch.shape == event.image.shape
            descriptions.add(
                _in_terms_of(batch.double().flatten(), event.image.double().flatten(), "image")
                if same
                else ""
            )
    words = descriptions.pop() if len(descriptions) == 1 else ""
    return "" if words == "1·image" else words


def _in_terms_of(given: Tensor, found: Tensor, name: str) -> str:
    """Describe one tensor as a multiple of another, with a constant; "" if it is none."""
    coefficients = fit([given, torch.ones_like(given)], found)
    if coefficients is None:
        return ""
    factor, offset = (round(number, 2) + 0.0 for number in coefficients.tolist())
    return f"{factor:g}·{name}" + (f" {'+' if offset > 0 else '−'} {abs(offset):g}" if offset else "")
