"""Reads from a replayed graph how much of a change at the input each resolution passes to the output."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import Tensor

from grader.probes.recorded_graph import Replay, size


@dataclass(frozen=True, slots=True)
class Path:
    """Effect of the paths whose lowest resolution is the k-th.

    Attributes:
        share: of the change of the output, in Euclidean norm, what arrives along them.
        strength: the same as a share of what the resolutions above do not carry. It does not fall with the
            depth of the level, as ``share`` does.
        coverage: share of the output's pixels at which it arrives, from 0 to 1: the participation ratio of
            its energy, (Σe)² / (N Σe²). White noise gives 1 with many images; one pixel gives 1 / N.
    """

    share: float = 0.0
    strength: float = 0.0
    coverage: float = 0.0


def read_paths(replay: Replay) -> tuple[Path, ...]:
    """Return what each resolution but the lowest carries, the highest resolution first.

    What opening the k-th resolution adds, compared with opening those above it alone, is what the paths carry
    whose lowest resolution it is: the skip connection there. No architecture is assumed.
    """
    change = size(replay.open - replay.base)
    found = []
    for before, after in itertools.pairwise([replay.base, *replay.ways]):
        step = after - before
        below = size(replay.open - before)
        found.append(Path(_ratio(size(step), change), _ratio(size(step), below), _coverage(step)))
    return tuple(found)


def strongest(one: tuple[Path, ...], other: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return at each resolution the stronger path: of two attempts, the better."""
    pairs = itertools.zip_longest(one, other, fillvalue=Path())
    return tuple(max(pair, key=lambda path: path.strength) for pair in pairs)


def weakest(one: tuple[Path, ...], other: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return at each resolution the weaker of two: what holds under both conditions."""
    pairs = itertools.zip_longest(one, other, fillvalue=Path())
    return tuple(
        Path(min(a.share, b.share), min(a.strength, b.strength), min(a.coverage, b.coverage))
        for a, b in pairs
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _coverage(step: Tensor) -> float:
    """Return the participation ratio of the energy over the positions, images and channels summed."""
    if step.ndim < 2:
        return 0.0
    energy = step.double().nan_to_num().pow(2).flatten(2 if step.ndim > 2 else 1).sum(0)
    energy = energy.sum(0) if energy.ndim > 1 else energy
    total = float(energy.sum())
    return total**2 / (len(energy) * float(energy.pow(2).sum())) if total > 0 else 0.0
