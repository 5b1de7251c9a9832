"""Random numbers that follow a script, whichever library, function or generator a notebook draws them with.

Normal, uniform and whole numbers each come from a stream of their own, in the order in which they are drawn.
So a notebook with a generator of its own, or with NumPy's, computes the same numbers as with ``torch.randn``.
A generator that begins again with the same seed repeats its numbers here, too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

_native_manual_seed = torch.manual_seed


class Script:
    """The three streams.

    Args:
        seed: of all three.
    """

    def __init__(self, seed: int) -> None:
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Begin the streams of a seed."""
        self._seeds_used: set[int] = set()
        self._begin(seed)

    def _begin(self, seed: int) -> None:
        self._normals, self._uniforms, self._wholes = (
            np.random.Generator(np.random.PCG64([abs(int(seed)), stream])) for stream in range(3)
        )

    def follow(self, generator: torch.Generator | None) -> None:
        """Draw with a generator of torch: one with a seed that was used before begins its numbers again."""
        if generator is None or torch.equal(generator.get_state(), self._used_state(generator)):
            return
        self.seed_generator(generator.initial_seed())
        generator.set_state(self._used_state(generator))

    def seed_generator(self, seed: int | None) -> None:
        """Note a new generator with this seed."""
        if seed is None:
            return
        if seed in self._seeds_used:
            self._begin(seed)
        self._seeds_used.add(seed)

    @staticmethod
    def _used_state(generator: torch.Generator) -> torch.Tensor:
        """Return the state in which a generator with the same seed is left after its first use."""
        used = torch.Generator(generator.device).manual_seed(generator.initial_seed())
        torch.empty(1).uniform_(generator=used)
        return used.get_state()

    def normals(self, shape: Sequence[int]) -> np.ndarray:
        """Return standard normal numbers, float64."""
        return self._normals.standard_normal(tuple(shape))

    def uniforms(self, shape: Sequence[int]) -> np.ndarray:
        """Return numbers from [0, 1), float64."""
        return self._uniforms.random(tuple(shape))

    def wholes(self, low: int, high: int, shape: Sequence[int]) -> np.ndarray:
        """Return whole numbers from low to high − 1, int64."""
        if high <= low:
            raise ValueError(f"empty range from {low} to {high}")
        return low + np.floor(self._wholes.random(tuple(shape)) * (high - low)).astype(np.int64)

    def replace_random_functions(self) -> None:
        """Replace the functions of torch, numpy and random by ones that follow the script."""
        for name in ("randn", "randn_like", "rand", "rand_like", "randint", "randint_like", "normal"):
            setattr(torch, name, getattr(_Torch(self), name))
        torch.Tensor.normal_ = _in_place(self)  # type: ignore[method-assign]
        torch.manual_seed = self._manual_seed
        generator = NumpyGenerator(self)
        for name in ("randn", "rand", "standard_normal", "normal", "random", "uniform", "randint"):
            setattr(np.random, name, getattr(generator, name))
        np.random.default_rng = generator.seeded  # type: ignore[assignment]
        np.random.RandomState = generator.seeded  # type: ignore[assignment,misc]
        for name in (
            "random",
            "uniform",
            "gauss",
            "normalvariate",
            "randint",
            "randrange",
            "choice",
            "choices",
        ):
            setattr(random, name, getattr(_Random(self), name))
        random.Random = lambda seed=None: _Random(self)  # type: ignore

    def _manual_seed(self, seed: int) -> torch.Generator:
        self.restart(seed)
        return _native_manual_seed(seed)


class _Torch:
    """The functions of torch."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def randn(self, *size: Any, **named: Any) -> torch.Tensor:
        self.script.follow(named.get("generator"))
        return _tensor(self.script.normals(_shape(size, named)), named)

    def rand(self, *size: Any, **named: Any) -> torch.Tensor:
        self.script.follow(named.get("generator"))
        return _tensor(self.script.uniforms(_shape(size, named)), named)

    def randn_like(self, input: torch.Tensor, **named: Any) -> torch.Tensor:
        return _tensor(
            self.script.normals(input.shape), {"dtype": input.dtype, "device": input.device} | named
        )

    def rand_like(self, input: torch.Tensor, **named: Any) -> torch.Tensor:
        return _tensor(
            self.script.uniforms(input.shape), {"dtype": input.dtype, "device": input.device} | named
        )

    def randint(self, *given: Any, **named: Any) -> torch.Tensor:
        self.script.follow(named.get("generator"))
        ends = [int(each) for each in given if not isinstance(each, Sequence)]
        size = next((each for each in given if isinstance(each, Sequence)), named.get("size"))
        if size is None:
            raise TypeError("randint() needs a size")
        low = named.get("low", ends[0] if len(ends) > 1 else 0)
        high = named.get("high", ends[-1] if ends else 1)
        return _tensor(self.script.wholes(int(low), int(high), size), {"dtype": torch.int64} | named)

    def randint_like(self, input: torch.Tensor, *ends: Any, **named: Any) -> torch.Tensor:
        options = {"dtype": input.dtype, "device": input.device} | named
        bounds = {name: options.pop(name) for name in ("low", "high") if name in options}
        return self.randint(*ends, tuple(input.shape), **bounds, **options)

    def normal(self, mean: Any = 0.0, std: Any = 1.0, size: Any = None, **named: Any) -> torch.Tensor:
        self.script.follow(named.get("generator"))
        if size is not None:
            scaled = _tensor(self.script.normals(tuple(size)), named) * std + mean
        else:
            spread = torch.zeros(()) + mean * 0 + std * 0
            scaled = self.randn_like(spread) * std + mean
        return torch.as_tensor(scaled)


class NumpyGenerator:
    """A generator of numpy, and the functions of ``numpy.random``."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def seeded(self, seed: Any = None) -> NumpyGenerator:
        self.script.seed_generator(seed if isinstance(seed, int) else None)
        return self

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, **named: Any) -> Any:
        return self._given(self.script.normals(_size(size)).astype(dtype), size)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        size = np.broadcast_shapes(np.shape(loc), np.shape(scale)) or None if size is None else size
        return loc + scale * self.standard_normal(size)

    def random(self, size: Any = None, dtype: Any = np.float64, **named: Any) -> Any:
        return self._given(self.script.uniforms(_size(size)).astype(dtype), size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        return low + (high - low) * self.random(size)

    def integers(
        self,
        low: int,
        high: int | None = None,
        size: Any = None,
        dtype: Any = np.int64,
        endpoint: Any = False,
    ) -> Any:
        low, high = (0, low) if high is None else (low, high)
        numbers = self.script.wholes(int(low), int(high) + bool(endpoint), _size(size))
        return self._given(numbers.astype(dtype), size)

    def randint(self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64) -> Any:
        return self.integers(low, high, size, dtype)

    def randn(self, *size: int) -> Any:
        return self.standard_normal(size or None)

    def rand(self, *size: int) -> Any:
        return self.random(size or None)

    def choice(self, among: Any, size: Any = None, replace: Any = True, **named: Any) -> Any:
        values = np.arange(among) if isinstance(among, int) else np.asarray(among)
        return values[self.integers(0, len(values), size)]

    @staticmethod
    def _given(numbers: np.ndarray, size: Any) -> Any:
        return numbers if size is not None else numbers.reshape(-1)[0]


class _Random:
    """The functions of ``random``."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def random(self) -> float:
        return float(self.script.uniforms((1,))[0])

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.random()

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu + sigma * float(self.script.normals((1,))[0])

    normalvariate = gauss

    def randrange(self, start: int, stop: int | None = None) -> int:
        low, high = (0, start) if stop is None else (start, stop)
        return int(self.script.wholes(low, high, (1,))[0])

    def randint(self, low: int, high: int) -> int:
        return self.randrange(low, high + 1)

    def choice(self, among: Any) -> Any:
        return among[self.randrange(len(among))]

    def choices(self, among: Any, weights: Any = None, *, cum_weights: Any = None, k: int = 1) -> list[Any]:
        return [self.choice(among) for _ in range(k)]


def _in_place(script: Script) -> Any:
    def normal_(tensor: torch.Tensor, mean: float = 0.0, std: float = 1.0, **named: Any) -> torch.Tensor:
        script.follow(named.get("generator"))
        with torch.no_grad():
            numbers = torch.from_numpy(script.normals(tensor.shape)).to(tensor.dtype)
            return tensor.copy_(numbers.to(tensor.device) * std + mean)

    return normal_


def _shape(size: Sequence[Any], named: dict[str, Any]) -> tuple[int, ...]:
    wanted = named.get("size", size)
    if len(wanted) == 1 and isinstance(wanted[0], Sequence):
        wanted = wanted[0]
    return tuple(int(each) for each in wanted)


def _size(size: Any) -> tuple[int, ...]:
    if size is None:
        return (1,)
    return (int(size),) if isinstance(size, int | np.integer) else tuple(int(each) for each in size)


def _tensor(numbers: np.ndarray, named: dict[str, Any]) -> torch.Tensor:
    kind = named.get("dtype") or (torch.get_default_dtype() if numbers.dtype.kind == "f" else torch.int64)
    made = torch.from_numpy(np.ascontiguousarray(numbers)).to(dtype=kind, device=named.get("device") or "cpu")
    if (out := named.get("out")) is not None:
        return out.copy_(made)  # type: ignore[no-any-return]
    return made.requires_grad_() if named.get("requires_grad") else made
