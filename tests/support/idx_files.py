"""Write MNIST's IDX files, with images that tests can tell apart."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write an array of bytes as an IDX file, compressed if its name ends in .gz."""
    # magic number: two zeros, 8 for unsigned bytes, the number of dimensions; then each size, big-endian
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_set(folder: Path, name: str, *, count: int, ending: str = "") -> None:
    """Write images and labels: image i has grey level i except for one bright pixel, and label i % 10."""
    grey = np.arange(count)
    images = np.tile(grey[:, None, None], (1, 28, 28))
    images[:, 2, 5] = 255
    write_idx(folder / f"{name}-images-idx3-ubyte{ending}", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte{ending}", grey % 10)
