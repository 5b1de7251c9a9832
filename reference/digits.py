"""Handwritten digits to train on and to judge by: embedded ones, which need no download, or MNIST.

The embedded digits are the 1797 images of 8 x 8 pixels that scikit-learn's ``load_digits`` gives: E. Alpaydin
and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
doi:10.24432/C50P49, CC BY 4.0. ``python -m reference.make_digits`` made the file; the grey levels were
stored as bytes and not altered.
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
BRIGHTEST: Final = 16  # grey levels of the embedded digits run from 0 to this


def load(name_or_path: str | Path, split: Split) -> tuple[Tensor, Tensor]:
    """Digits by the name of a data set, or from a folder.

    Args:
        name_or_path: "digits", the embedded ones; "mnist", fetched once into the user's cache; or a folder
            that holds MNIST's idx files, plain or gzipped, in itself or in MNIST/raw as torchvision leaves
            them.
        split: "train" or "held-out". MNIST's own test set is what is held out, where a folder has both sets;
            of a single set a fifth is held out.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,).

    Raises:
        DataError: the images cannot be had; the message says why and what to do.
        ValueError: there is no such split.
    """
    if name_or_path == "digits":
        return load_digits28(split)
    if name_or_path == "mnist":
        return read_mnist(download_mnist(), split)
    return read_mnist(Path(name_or_path), split)


def load_digits28(split: Split) -> tuple[Tensor, Tensor]:
    """The embedded digits, each enlarged as a whole from 8 x 8 to 28 x 28 by bilinear interpolation.

    Args:
        split: "train", 1438 images, or "held-out", 359.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,).

    Raises:
        ValueError: there is no such split.
    """
    pixels, labels = _embedded()
    chosen = part_of(len(pixels), split)
    images = pixels[chosen].unsqueeze(1).float() / BRIGHTEST
    return functional.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False), labels[chosen]


@cache
def _embedded() -> tuple[Tensor, Tensor]:
    """The file as it is: pixels, uint8 (1797, 8, 8), and labels, int64 (1797,)."""
    with np.load(DIGITS_FILE, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]).long()
