"""Turns tensors into the pictures of the report."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import torch
from torch import Tensor

from grader.model import ImageRow, Images
from reference import digits
from reference.diffuser import NoiseDiffuser

from .probe_forward import Forward
from .schedule import Judged

STRIP = (0, 3, 6, 10, 15, 22, 32, 49)


def row(label: str, images: Tensor) -> ImageRow:
    """A row of pictures from floats of shape (N, 1, 28, 28), where 0 is black and 1 is white."""
    pixels = images.detach().reshape(-1, *images.shape[-2:]).nan_to_num(0.0, 1.0, 0.0)
    levels = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
    return ImageRow(
        label=label,
        count=levels.shape[0],
        height=levels.shape[1],
        width=levels.shape[2],
        pixels=base64.b64encode(levels.numpy().tobytes()).decode(),
    )


def grid(exercise: int, title: str, caption: str, rows: Sequence[tuple[str, Tensor]]) -> Images:
    """Rows of samples under one title."""
    return Images(exercise=exercise, title=title, caption=caption, rows=[row(*labelled) for labelled in rows])


def diffusion_strip(forward: Forward, judged: Judged, truth: NoiseDiffuser) -> Images:
    """One digit at eight steps: as the student's coefficients noise it, and as the reference's do, same
    noise.
    """
    image = digits.load_digits28("held-out")[0][0].double()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alpha_bar, steps = truth.alpha_bar.double(), list(STRIP)
    yours = [forward.image[t] * image + forward.noise[t] * noise for t in steps]
    reading = judged.reading
    right = [reading.signal(alpha_bar[t]) * image + reading.noise(alpha_bar[t]) * noise for t in steps]
    same = "looks like the reference's at every step" if judged.accepted else "fades unlike the reference's"
    return Images(
        exercise=1,
        title="Forward diffusion of one digit",
        caption=f"With your coefficients the digit {same}.",
        rows=[row("yours", torch.stack(yours)), row("reference", torch.stack(right))],
        columns=[f"t = {t}" for t in steps],
    )
