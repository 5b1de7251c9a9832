"""A fixed split of a data set into training and held-out images."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from torch import Tensor, from_numpy

Split = Literal["train", "held-out"]

TRAIN_SHARE = 0.8
_SEED = 2020


def part_of(count: int, split: Split) -> Tensor:
    """Return the indices, int64 (N,), of one part of ``count`` images.

    The split is a fixed shuffle: the first four fifths are for training, the rest is held out.

    Raises:
        ValueError: ``split`` is unknown.
    """
    check_split(split)
    order = np.random.RandomState(_SEED).permutation(
        count
    )  # the legacy RandomState stream is frozen by NumPy's policy
    cut = round(TRAIN_SHARE * count)
    return from_numpy(order[:cut] if split == "train" else order[cut:])


def check_split(split: str) -> None:
    """Raise ValueError unless ``split`` is "train" or "held-out"."""
    if split not in get_args(Split):
        raise ValueError(f"a split is one of {', '.join(get_args(Split))}, not {split!r}")
