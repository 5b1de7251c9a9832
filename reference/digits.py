"""Handwritten digits for training and evaluation: an embedded set that needs no download, or MNIST.

The embedded digits are the 1797 images of 8 x 8 pixels from scikit-learn's ``load_digits``: E. Alpaydin and
C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
doi:10.24432/C50P49, CC BY 4.0. ``python -m reference.make_digits`` wrote the file; grey levels are stored as
bytes, unchanged.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reference.mnist import DataError, download_mnist, read_mnist
from reference.split import Split, part_of

__all__ = ["DIGITS_FILE", "DataError", "Split", "load", "load_digits28"]

DIGITS_FILE: Final = Path(__file__).parent / "data" / "digits.npz"
BRIGHTEST: Final = 16  # grey levels of the embedded digits run from 0 to 16


def load(name_or_path: str | Path, split: Split) -> tuple[Tensor, Tensor]:
    """Load images and labels by data set name or from a folder.

    Args:
        name_or_path: "digits" for the embedded digits; "mnist" for MNIST, downloaded once to the user's
            cache; or a folder with MNIST's idx files, plain or gzipped, directly inside it or in MNIST/raw,
            where torchvision puts them.
        split: "train" or "held-out". If a folder holds both MNIST sets, "held-out" is MNIST's test set; if it
            holds one, a fifth of that set is held out.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,).

    Raises:
        DataError: the images cannot be loaded; the message says why and what to do.
        ValueError: ``split`` is unknown.
    """
    if name_or_path == "digits":
        return load_digits28(split)
    if name_or_path == "mnist":
        return read_mnist(download_mnist(), split)
    return read_mnist(Path(name_or_path), split)


def load_digits28(split: Split) -> tuple[Tensor, Tensor]:
    """Load the embedded digits, each enlarged from 8 x 8 to 28 x 28 pixels by bilinear interpolation.

    Args:
        split: "train" (1438 images) or "held-out" (359 images).

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,).

    Raises:
        ValueError: ``split`` is unknown.
    """
    pixels, labels = _embedded()
    indices = part_of(len(pixels), split)
    images = pixels[indices].unsqueeze(1).float() / BRIGHTEST
    enlarged = functional.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False)
    return enlarged, labels[indices]


@cache
def _embedded() -> tuple[Tensor, Tensor]:
    """Return the file's content: pixels, uint8 (1797, 8, 8), and labels, int64 (1797,)."""
    with np.load(DIGITS_FILE, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]).long()
