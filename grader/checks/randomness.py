"""The judge's random numbers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

Seeded = Callable[[str], torch.Generator]

_IN_USE = threading.Lock()  # PyTorch's own stream is one for all threads


def streams(seed: int) -> Seeded:
    """A stream for each purpose, always the same from its beginning, whatever else is drawn."""

    def stream(purpose: str) -> torch.Generator:
        digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))

    return stream


@contextmanager
def seeded_globally(seed: int) -> Iterator[None]:
    """What draws without a generator draws from ``seed`` here; afterwards all is as it was."""
    with _IN_USE, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
