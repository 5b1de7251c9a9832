"""Find image, steps and noise among the arguments of a student's calls, whatever their names and order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.values import Refusal

from .conventions import form_of

_NOISE = frozenset({"noise", "eps", "epsilon", "e", "z"})


def image_and_steps(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor, str]:
    """Return image, (B, C, H, W), steps, float (n,), and the form of the steps, from a call's arguments.

    Raises:
        Refusal: one of them is missing, or a step is no number; the student's code gets an error saying so.
    """
    given = _in_order(args, kwargs)
    images = [
        value for value in given if isinstance(value, Tensor) and value.ndim >= 3 and value.shape[-1] > 1
    ]
    if not images:
        raise Refusal("TypeError", "the network was called without an image of shape (B, C, H, W)")
    alike = [value for value in images[1:] if value.shape == images[0].shape]  # noise more likely than a step
    others = [value for value in given if not any(value is one for one in (images[0], *alike))]
    steps = [(step, form_of(value)) for value in (*others, *alike) if (step := _steps(value)) is not None]
    if not steps:
        raise Refusal("TypeError", "the network was called without the step t")
    step, form = steps[0]
    if not step.numel():
        raise Refusal("ValueError", f"no steps were given for {len(images[0])} images")
    if not step.isfinite().all():
        raise Refusal("ValueError", "the step t is NaN or infinite")
    return images[0], step, form


def noise_among(args: Sequence[Any], kwargs: dict[str, Any], image: Tensor) -> Tensor | None:
    """Return the noise passed to ``noise_diffusion``, which many signatures allow; None without one."""
    given = _in_order(args, kwargs)
    alike = [value for value in given if isinstance(value, Tensor) and value.shape == image.shape]
    return next((value for value in alike if value is not image), None)


def _in_order(args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Return the arguments of a call, with noise that is passed by name after the image."""
    return [*args, *(kwargs[name] for name in sorted(kwargs, key=_NOISE.__contains__))]


def _steps(value: Any) -> Tensor | None:
    if isinstance(value, bool | str) or value is None:
        return None
    if isinstance(value, Tensor):
        return value.double().flatten()
    if isinstance(value, int | float):
        return torch.tensor([float(value)], dtype=torch.float64)
    if isinstance(value, list | tuple) and value and all(isinstance(item, int | float) for item in value):
        return torch.tensor([float(item) for item in value], dtype=torch.float64)
    return None
