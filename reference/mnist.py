"""Real MNIST, from a folder of idx files or fetched by torchvision.

Source of the format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import sys
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reference.split import Split, check_split, part_of

Bytes = npt.NDArray[np.uint8]

_IMAGES_MAGIC, _LABELS_MAGIC = 0x00000803, 0x00000801  # unsigned bytes, in three dimensions and in one


class DataError(Exception):
    """Images could not be had. The message is one sentence: what is wrong, and what to do."""


def read_mnist(folder: Path, split: Split) -> tuple[Tensor, Tensor]:
    """One part of the MNIST found in a folder, or in MNIST/raw below it.

    Returns:
        Images, float32 (N, 1, 28, 28) in [0, 1], and labels, int64 (N,). Where the folder has the training
        and the test set, "train" is the one and "held-out" the other; of a single set a fifth is held out.

    Raises:
        DataError: there are no such files, or they are damaged.
        ValueError: there is no such split.
    """
    check_split(split)
    sets = _sets_in(folder)
    if len(sets) == 2:
        images, labels = _read_set(sets["train" if split == "train" else "t10k"])
        return _as_tensors(images, labels)
    (only,) = sets.values()
    images, labels = _read_set(only)
    chosen = part_of(len(images), split).numpy()
    return _as_tensors(images[chosen], labels[chosen])


def download_mnist() -> Path:
    """The folder in the user's cache that holds MNIST, fetched on first use.

    Raises:
        DataError: it is not there and cannot be fetched.
    """
    folder = cache_folder()
    try:
        from torchvision.datasets import MNIST  # slow to import, and needed only here

        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            MNIST(root=str(folder), train=True, download=True)
    except (ImportError, OSError, RuntimeError) as error:
        raise DataError(
            f"MNIST could not be fetched into {folder} ({type(error).__name__}): check the network, or name "
            "a folder that holds its idx files, or use the embedded digits."
        ) from error
    return folder


def cache_folder() -> Path:
    """The folder in the user's cache where MNIST is kept, whether it is there or not."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ddpm-grader"


def _sets_in(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The complete sets in a folder, "train" or "t10k" or both: their files of images and of labels."""
    sets = {}
    for name in ("train", "t10k"):
        images = _find(folder, f"{name}-images-idx3-ubyte")
        labels = _find(folder, f"{name}-labels-idx1-ubyte")
        if images and labels:
            sets[name] = images, labels
    if not sets:
        raise DataError(
            f"{folder} holds no MNIST: put train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz there "
            "(or the t10k files), or use the embedded digits."
        )
    return sets


def _find(folder: Path, name: str) -> Path | None:
    """The file of that name, plain or gzipped, in the folder or where torchvision puts it."""
    places = (folder / "MNIST" / "raw", folder)
    candidates = [place / (name + ending) for place in places for ending in ("", ".gz")]
    return next((path for path in candidates if path.is_file()), None)


def _read_set(files: tuple[Path, Path]) -> tuple[Bytes, Bytes]:
    """Images, uint8 (N, 28, 28), and labels, uint8 (N,), of the two files of a set."""
    images, labels = _read_idx(files[0], magic=_IMAGES_MAGIC), _read_idx(files[1], magic=_LABELS_MAGIC)
    if images.shape[1:] != (28, 28) or len(images) != len(labels):
        raise DataError(
            f"{files[0]} holds images of the shape {images.shape} for {len(labels)} labels, which is not "
            "MNIST: fetch both files again."
        )
    return images, labels


def _read_idx(path: Path, *, magic: int) -> Bytes:
    """The array in an idx file: a big-endian magic number, a size per dimension, then the bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}): fetch it again.") from error
    dimensions = magic & 0xFF
    border = 4 * (1 + dimensions)
    header, body = content[:border], content[border:]
    found, *sizes = (int.from_bytes(header[i : i + 4], "big") for i in range(0, border, 4))
    if found != magic or len(body) != math.prod(sizes):
        raise DataError(f"{path} is not a complete idx file: fetch it again.")
    return np.frombuffer(body, dtype=np.uint8).reshape(sizes)


def _as_tensors(images: Bytes, labels: Bytes) -> tuple[Tensor, Tensor]:
    """Bytes from 0 to 255 as float32 (N, 1, 28, 28) in [0, 1], and labels as int64 (N,)."""
    grey = torch.from_numpy(images.astype(np.float32) / 255.0)
    return grey.unsqueeze(1), torch.from_numpy(labels.astype(np.int64))
