"""Let generators of the student's own follow the seed of a request, as the global ones do.

Probes call a function twice with one seed, so that both calls draw the same noise. With a generator kept
in a global, an attribute or a default argument, other noise would be drawn each time. So generators are
remembered as they are made, and a seeded request begins each of them anew. One that is seeded inside a
function still repeats its numbers at every call.
"""

from __future__ import annotations

import random
import weakref
from typing import Any

import torch

_MOST = 256  # remembered of numpy's, which cannot be referred to weakly
_NativeGenerator: Any = torch.Generator
_NativeRandom: Any = random.Random
_made: list[weakref.ref[Any]] = []
_made_by_numpy: list[Any] = []


class _LikeNative(type(torch.Generator)):  # type: ignore[misc]
    """Makes the native generators pass for instances, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return bool(isinstance(instance, _NativeGenerator))


class _Generator(_NativeGenerator, metaclass=_LikeNative):  # type: ignore[misc]
    """``torch.Generator``, remembered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        _made.append(weakref.ref(self, _made.remove))


class _Random(_NativeRandom):  # type: ignore[misc]
    """``random.Random``, remembered."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        _made.append(weakref.ref(self, _made.remove))


def remember_generators() -> None:
    """Remember the generators of torch and random that are made from here on."""
    for module, own, native in ((torch, _Generator, _NativeGenerator), (random, _Random, _NativeRandom)):
        own.__name__ = own.__qualname__ = native.__name__
        own.__module__ = native.__module__
        setattr(module, native.__name__, own)


def remember(generator: Any) -> Any:
    """Remember a generator of numpy, and return it."""
    if len(_made_by_numpy) < _MOST:
        _made_by_numpy.append(generator)
    return generator


def reseed(seed: int) -> None:
    """Begin every remembered generator anew, each with a seed of its own."""
    for number, reference in enumerate(list(_made)):
        if (generator := reference()) is not None:
            begin = generator.seed if isinstance(generator, _NativeRandom) else generator.manual_seed
            begin(seed + 7919 * (number + 1))
    for number, generator in enumerate(_made_by_numpy):
        bits = generator.bit_generator
        bits.state = type(bits)(seed + 104729 * (number + 1)).state
