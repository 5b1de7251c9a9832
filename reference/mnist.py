"""MNIST, read from a folder of idx files or downloaded by torchvision.

Source of the format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import contextlib
import gzip
import math
import sys
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from platformdirs import user_cache_path
from torch import Tensor

from reference.split import Split, check_split, part_of

Bytes = npt.NDArray[np.uint8]

_IMAGES_MAGIC, _LABELS_MAGIC = (
    0x00000803,
    0x00000801,
)  # third byte: 0x08, unsigned bytes; fourth byte: number of dimensions


class DataError(Exception):
    """Images cannot be loaded. The message is one sentence: what is wrong, and what to do."""


def read_mnist(folder: Path, split: Split) -> tuple[Tensor, Tensor]:
    """Read one split of the MNIST files in a folder, or in MNIST/raw inside it.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,). If the folder holds MNIST's training
        and test set, these are "train" and "held-out"; if it holds one set, a fifth of that is held out.

    Raises:
        DataError: the files are missing or damaged.
        ValueError: ``split`` is unknown.
    """
    check_split(split)
    sets = _sets_in(folder)
    if len(sets) == 2:
        images, labels = _read_set(sets["train" if split == "train" else "t10k"])
        return _as_tensors(images, labels)
    (only,) = sets.values()
    images, labels = _read_set(only)
    indices = part_of(len(images), split).numpy()
    return _as_tensors(images[indices], labels[indices])


def download_mnist() -> Path:
    """Return the folder in the user's cache that holds MNIST; download it on first use.

    Raises:
        DataError: MNIST is not in the cache and cannot be downloaded.
    """
    folder = cache_folder()
    try:
        from torchvision.datasets import MNIST  # imported here because it is slow to import

        with contextlib.redirect_stdout(sys.stderr):  # keep torchvision's messages out of our results
            MNIST(root=str(folder), train=True, download=True)
    except (ImportError, OSError, RuntimeError) as error:
        raise DataError(
            f"MNIST could not be downloaded to {folder} ({type(error).__name__}): check the network, pass a "
            "folder that holds its idx files, or use the embedded digits."
        ) from error
    return folder


def cache_folder() -> Path:
    """Return the folder in the user's cache where MNIST is stored; it may not exist yet."""
    return user_cache_path("ddpm-grader", appauthor=False)


def _sets_in(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the image and label files of each complete set ("train", "t10k") in a folder."""
    sets = {}
    for name in ("train", "t10k"):
        images = _find(folder, f"{name}-images-idx3-ubyte")
        labels = _find(folder, f"{name}-labels-idx1-ubyte")
        if images and labels:
            sets[name] = images, labels
    if not sets:
        raise DataError(
            f"{folder} contains no MNIST files: put train-images-idx3-ubyte.gz and "
            "train-labels-idx1-ubyte.gz there (or the t10k files), or use the embedded digits."
        )
    return sets


def _find(folder: Path, name: str) -> Path | None:
    """Return the file, plain or gzipped, in the folder or where torchvision puts it; None if missing."""
    places = (folder / "MNIST" / "raw", folder)
    candidates = [place / (name + ending) for place in places for ending in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _read_set(files: tuple[Path, Path]) -> tuple[Bytes, Bytes]:
    """Read a set's two files: images, uint8 (N, 28, 28), and labels, uint8 (N,)."""
    images, labels = _read_idx(files[0], magic=_IMAGES_MAGIC), _read_idx(files[1], magic=_LABELS_MAGIC)
    if images.shape[1:] != (28, 28) or len(images) != len(labels):
        raise DataError(
            f"{files[0]} holds images of shape {images.shape} for {len(labels)} labels, which is not MNIST: "
            "download both files again."
        )
    return images, labels


def _read_idx(path: Path, *, magic: int) -> Bytes:
    """Read an idx file: a big-endian magic number, one 32-bit size per dimension, then the bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}): download it again.") from error
    dimensions = magic & 0xFF
    header_size = 4 * (1 + dimensions)
    header, body = content[:header_size], content[header_size:]
    found, *sizes = (int.from_bytes(header[i : i + 4], "big") for i in range(0, header_size, 4))
    if found != magic or len(body) != math.prod(sizes):
        raise DataError(f"{path} is not a complete idx file: download it again.")
    return np.frombuffer(body, dtype=np.uint8).reshape(sizes)


def _as_tensors(images: Bytes, labels: Bytes) -> tuple[Tensor, Tensor]:
    """Convert bytes to float32 (N, 1, 28, 28) in [0, 1], and labels to int64 (N,)."""
    grey = torch.from_numpy(images.astype(np.float32) / 255.0)
    return grey.unsqueeze(1), torch.from_numpy(labels.astype(np.int64))
