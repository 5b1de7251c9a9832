"""Random numbers that depend on how far a computation has come, not on how many were drawn before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grader.audit.numbers.scripted import Script


class Segments:
    """Sets a script's numbers anew for every segment: drawn twice in one, they are the same.

    What draws once more than it did computes the same numbers as before; what draws for all segments at once
    does not. A new seed begins again, as with the script's own streams.

    Args:
        script: follows the segments from now on.
    """

    def __init__(self, script: Script) -> None:
        self._seed = 0
        self.restart()
        script._begin = self._begin  # type: ignore[method-assign]
        script.normals = self._normals  # type: ignore[method-assign]
        script.uniforms = self._uniforms  # type: ignore[method-assign]
        script.wholes = self._wholes  # type: ignore[method-assign]

    def advance(self) -> None:
        """Begin the next segment."""
        self._number += 1

    def restart(self, *, sign: int = 1, silent_from: int | None = None) -> None:
        """Begin with the first segment again.

        Args:
            sign: factor of all normal numbers.
            silent_from: number of the first segment whose normal numbers are 0.
        """
        self._number, self._sign, self._silent_from = 0, sign, silent_from

    def _begin(self, seed: int) -> None:
        self._seed, self._number = abs(int(seed)), 0

    def _stream(self, kind: int, shape: Sequence[int]) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self._seed, self._number, kind, *shape]))

    def _normals(self, shape: Sequence[int]) -> np.ndarray:
        if self._silent_from is not None and self._number >= self._silent_from:
            return np.zeros(tuple(shape))
        return self._sign * self._stream(0, shape).standard_normal(tuple(shape))

    def _uniforms(self, shape: Sequence[int]) -> np.ndarray:
        return self._stream(1, shape).random(tuple(shape))

    def _wholes(self, low: int, high: int, shape: Sequence[int]) -> np.ndarray:
        if high <= low:
            raise ValueError(f"empty range from {low} to {high}")
        return low + np.floor(self._stream(2, shape).random(tuple(shape)) * (high - low)).astype(np.int64)
