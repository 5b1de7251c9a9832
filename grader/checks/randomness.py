"""The judge's random numbers: an independent stream for each purpose."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

Seeded = Callable[[str], torch.Generator]
"""Returns a new generator for a purpose."""

_GLOBAL_LOCK = threading.Lock()  # threads share PyTorch's global generator


def streams(seed: int) -> Seeded:
    """Return a function that opens the stream of a purpose.

    A stream depends on seed and purpose alone, so what one check draws never shifts the numbers of another.
    """

    def stream(purpose: str) -> torch.Generator:
        digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))

    return stream


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """Seed PyTorch's global generator within the block, and restore its state afterwards."""
    with _GLOBAL_LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
