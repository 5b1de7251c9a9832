"""MNIST's files, with images that tests can tell apart."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_set(folder: Path, name: str, *, count: int, ending: str = "") -> None:
    """Images of which number i is grey level i all over but for one bright pixel, with the label i % 10."""
    grey = np.arange(count)
    images = np.tile(grey[:, None, None], (1, 28, 28))
    images[:, 2, 5] = 255
    write_idx(folder / f"{name}-images-idx3-ubyte{ending}", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte{ending}", grey % 10)
