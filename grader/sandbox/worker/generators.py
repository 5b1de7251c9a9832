"""Let generators of the student's own follow the seed of a request, as the global ones do.

Probes call a function twice with one seed, so that both calls draw the same noise. With a generator kept
in a global, an attribute or a default argument, other noise would be drawn each time. So generators are
remembered as they are made, and a seeded request begins each of them anew. One that is seeded inside a
function still repeats its numbers at every call.
"""

from __future__ import annotations

import contextlib
import random
import sys
import weakref
from typing import Any

import torch

_NativeGenerator: Any = torch.Generator
_NativeRandom: Any = random.Random
_made: list[weakref.ref[Any]] = []


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
    """Remember the generators of torch, random and numpy that are made from here on."""
    for module, own, native in ((torch, _Generator, _NativeGenerator), (random, _Random, _NativeRandom)):
        _replace(module, own, native)
    if "numpy" in sys.modules:
        numpy: Any = sys.modules["numpy"]
        for name in ("RandomState", "Generator"):
            native = getattr(numpy.random, name)
            _replace(numpy.random, _remembered(native), native)


def _replace(module: Any, own: Any, native: Any) -> None:
    own.__name__ = own.__qualname__ = native.__name__
    own.__module__ = native.__module__
    setattr(module, native.__name__, own)


def _remembered(native: Any) -> Any:
    """Return a subclass of one of numpy's generators whose instances are remembered."""

    class LikeNative(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return bool(isinstance(instance, native))

    class Own(native, metaclass=LikeNative):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            _made.append(weakref.ref(self, _made.remove))

    return Own


def reseed(seed: int) -> None:
    """Begin every remembered generator anew, each with a seed of its own."""
    for number, reference in enumerate(list(_made)):
        if (generator := reference()) is not None:
            _begin(generator, seed + 7919 * (number + 1))


def _begin(generator: Any, seed: int) -> None:
    """Begin the numbers of a generator anew."""
    if isinstance(generator, _NativeGenerator):
        generator.manual_seed(seed)
    elif hasattr(generator, "bit_generator"):
        bits = generator.bit_generator
        bits.state = type(bits)(seed).state
    else:
        with contextlib.suppress(TypeError):  # a RandomState of other bits than the usual ones
            generator.seed(seed % 2**32)
