"""Formulas of the positional encoding: the accepted layouts, and known mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from grader.probes.formulas import Mistake, close

SIZES = ((11, 8), (30, 12))  # (length, width) of the encodings that are compared
WITHIN = 1e-3  # float32 at position 30 is a thousand times finer
_ALIKE = 0.02  # of a mistake: float32 rounds the large angles of some
Encoding = Callable[[int, int], Tensor]


def _angles(length: int, width: int, *, base: float = 10000.0, first: int = 0, step: float = 2.0) -> Tensor:
    """Return p / base^(step·i/d), float64 (length, width / 2)."""
    position = torch.arange(first, first + length).double()[:, None]
    return position / base ** (step * torch.arange(width // 2).double() / width)


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    return torch.stack([even, odd], dim=-1).flatten(1)


def _sines(angles: Tensor) -> Tensor:
    return _interleaved(angles.sin(), angles.cos())


ACCEPTED: Mapping[str, Encoding] = {
    "interleaved": lambda n, d: _sines(_angles(n, d)),
    "sines, then cosines": lambda n, d: torch.cat([_angles(n, d).sin(), _angles(n, d).cos()], dim=1),
}


def _columns(length: int, width: int) -> Tensor:
    """Return sines and cosines where every column has a frequency of its own."""
    position = torch.arange(length).double()[:, None]
    angles = position / 10000.0 ** (torch.arange(width).double() / width)
    return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos())


MISTAKES = (
    Mistake("encoding-exchanged", lambda n, d: _interleaved(_angles(n, d).cos(), _angles(n, d).sin())),
    Mistake("encoding-frequencies", lambda n, d: _sines(_angles(n, d, step=1.0))),
    Mistake("encoding-frequencies", lambda n, d: _sines(_angles(n, d, step=4.0))),
    Mistake("encoding-frequencies", _columns),
    Mistake("encoding-base", lambda n, d: _sines(_angles(n, d, base=1000.0))),
    Mistake("encoding-base", lambda n, d: _sines(_angles(n, d, base=100.0))),
    Mistake("encoding-base", lambda n, d: _sines(_angles(n, d, base=100000.0))),
    Mistake("encoding-from-one", lambda n, d: _sines(_angles(n, d, first=1))),
    Mistake("encoding-multiplied", lambda n, d: _sines(_angles(n, d, base=1 / 10000.0))),
    Mistake("encoding-of-share", lambda n, d: _sines(_angles(n, d) / n)),
    Mistake("encoding-of-share", lambda n, d: _sines(_angles(n, d) / (n - 1))),
    Mistake("encoding-sines-only", lambda n, d: _interleaved(_angles(n, d).sin(), _angles(n, d).sin())),
    Mistake("encoding-sines-only", lambda n, d: _interleaved(_angles(n, d).sin(), torch.zeros(n, d // 2))),
    Mistake("encoding-sines-only", lambda n, d: _interleaved(torch.zeros(n, d // 2), _angles(n, d).cos())),
    Mistake("encoding-constant", lambda n, d: torch.zeros(n, d).double()),
    Mistake("encoding-of-feature", lambda n, d: _angles(n, d).sin().repeat_interleave(2, 1)),
)


def is_accepted(name: str, encoding: Tensor) -> bool:
    """Return whether an encoding, (length, width), has an accepted layout."""
    return close(encoding, ACCEPTED[name](*encoding.shape), WITHIN)


def identify(encodings: Sequence[Tensor]) -> str | None:
    """Return the misconception by which all encodings differ."""
    for mistake in MISTAKES:
        if all(close(each, mistake.formula(*each.shape).double(), _ALIKE) for each in encodings):
            return mistake.id
    return None
