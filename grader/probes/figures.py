"""Figures for the report: rows and grids of images, matrices as heat maps, curves."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grader.model import ImageRow, Images

_CELL = 12  # pixels of a matrix's element in a heat map


def row(label: str, images: Tensor) -> ImageRow:
    """Return a row of images, float (N, 1, H, W) or (N, H, W), where 0 is black and 1 is white."""
    pixels = images.detach().reshape(-1, *images.shape[-2:]).nan_to_num(0.0, 1.0, 0.0)
    levels = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).contiguous()
    return ImageRow(
        label=label,
        count=levels.shape[0],
        height=levels.shape[1],
        width=levels.shape[2],
        pixels=base64.b64encode(levels.numpy().tobytes()).decode(),
    )


def grid(
    exercise: int,
    title: str,
    caption: str,
    rows: Sequence[tuple[str, Tensor]],
    criteria: Sequence[str] = (),
) -> Images:
    """Return rows of images under one title.

    Args:
        rows: a label and the images of each row, as for ``row``.
        criteria: ids of those that the images explain.
    """
    drawn = [row(*labelled) for labelled in rows]
    return Images(exercise=exercise, title=title, caption=caption, rows=drawn, criteria=criteria)


def heat_maps(exercise: int, title: str, caption: str, matrices: Sequence[tuple[str, Tensor]]) -> Images:
    """Return matrices of one shape, (M, N), as images on one scale: black is 0, white the largest value.

    Args:
        matrices: a label and the matrix of each row; negative and undefined elements are black.
    """
    largest = max((float(matrix.nan_to_num(0, 0, 0).max()) for _, matrix in matrices), default=1.0)
    rows = []
    for label, matrix in matrices:
        levels = (matrix.double().nan_to_num(0, 0, 0) / max(largest, 1e-12)).clamp(0, 1)
        enlarged = levels.repeat_interleave(_CELL, 0).repeat_interleave(_CELL, 1)
        rows.append((label, enlarged[None]))
    return grid(exercise, title, caption, rows)


def curve_values(curve: Tensor) -> list[float]:
    """Return the values of a curve; those that are infinite or very large become NaN, a gap."""
    return [round(value, 5) if abs(value) < 1e6 else math.nan for value in curve.tolist()]
