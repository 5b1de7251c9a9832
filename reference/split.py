"""Which images are for training, and which are held out to judge by."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from torch import Tensor, from_numpy

Split = Literal["train", "held-out"]

TRAIN_SHARE = 0.8
_SEED = 2020


def part_of(count: int, split: Split) -> Tensor:
    """The indices, int64 (N,), of one part of ``count`` images: four fifths to train on; always the same.

    Raises:
        ValueError: there is no such part.
    """
    check_split(split)
    order = np.random.RandomState(_SEED).permutation(count)  # NumPy promises never to change this stream
    border = round(TRAIN_SHARE * count)
    return from_numpy(order[:border] if split == "train" else order[border:])


def check_split(split: str) -> None:
    """Raises ValueError unless ``split`` names a part."""
    if split not in get_args(Split):
        raise ValueError(f"a split is one of {', '.join(get_args(Split))}, not {split!r}")
