"""Calling conventions of a student's functions: return layout, step numbering, timestep encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy
import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.values import Handle, NamedFields, StudentError

Key = int | str


@dataclass(frozen=True, slots=True)
class ReturnLayout:
    """Layout of the result of ``noise_diffusion``.

    Attributes:
        kind: "tuple", "list", "dict", "object" or "alone" (one tensor).
        keys: indices, keys or attribute names of its values, in order.
        image, noise: keys of the noisy image and of the noise; None without noise.
        names: field names of a named tuple.
    """

    kind: str = "tuple"
    keys: tuple[Key, ...] = (0, 1)
    image: Key = 0
    noise: Key | None = 1
    names: tuple[str, ...] = ()

    def pack(self, image: Tensor, noise: Tensor) -> Any:
        """Return a result with this layout."""
        values = dict.fromkeys(self.keys) | {self.image: image, self.noise: noise}
        match self.kind:
            case "dict":
                return {key: values[key] for key in self.keys}
            case "object":
                return SimpleNamespace(**{str(key): values[key] for key in self.keys})
            case "list":
                return [values[key] for key in self.keys]
            case "alone":  # the diffuser's mistake; train and the sampler still get the noise
                return (image, noise)
        items = tuple(values[key] for key in self.keys)
        return NamedFields(items, self.names) if self.names else items

    def __str__(self) -> str:
        if self.kind == "alone":
            return "returns the noisy image alone"
        places = {self.image: "noisy image", self.noise: "noise"}
        names = [places.get(key, "something else") for key in self.keys]
        if self.kind in ("dict", "object"):
            names = [f"{key}: {name}" for key, name in zip(self.keys, names, strict=True)]
        return f"returns a {self.kind} ({', '.join(names)})"


HANDOUT_LAYOUT = ReturnLayout()


def values_in(student: Student, result: Any) -> tuple[str, dict[Key, Any]]:
    """Return the kind of a result, and its values by index, key or attribute name."""
    match result:
        case dict():
            return "dict", {key if isinstance(key, int) else str(key): value for key, value in result.items()}
        case tuple():
            return "tuple", dict(enumerate(result))
        case list():
            return "list", dict(enumerate(result))
        case Handle():
            return "object", _attributes(student, result)
    return "alone", {0: result}


def _attributes(student: Student, handle: Handle) -> dict[Key, Any]:
    values: dict[Key, Any] = {}
    for name in student.ask("describe", handle).get("attributes", [])[:20]:
        try:
            values[str(name)] = student.get(handle, str(name))
        except StudentError:
            continue
    return values


@dataclass(frozen=True, slots=True)
class StepNumbering:
    """Numbering of a student's steps.

    Attributes:
        first: the number of the first step, 0 or 1.
        padded: names of the schedule curves that have an entry before the first step's.
    """

    first: int = 0
    padded: frozenset[str] = frozenset()

    def __str__(self) -> str:
        padded = (
            f"; {' and '.join(sorted(self.padded))} with an entry before the first" if self.padded else ""
        )
        return (f"from {self.first} to T{' − 1' if self.first == 0 else ''}") + padded


@dataclass(frozen=True, slots=True)
class TimestepEncoding:
    """Encoding of the timestep that ``train`` passes to the network.

    Attributes:
        first: the number of the first step, 0 or 1.
        scale: "t" for the number of the step itself, or "t / T" and the like.
        form: type and shape, such as "float (B, 1)".
        table: pairs (step counted from 0, number passed) where no scale fits.
    """

    first: int = 0
    scale: str = "t"
    form: str | None = None
    table: tuple[tuple[int, float], ...] = ()

    def encode(self, steps: Tensor, total: int) -> Tensor:
        """Return the numbers passed for steps counted from 0, in a schedule of ``total`` steps."""
        if self.table:
            seen, passed = zip(*self.table, strict=True)
            return torch.from_numpy(numpy.interp(steps.numpy(), seen, passed))
        t = steps + self.first
        match self.scale:
            case "t / T":
                return t / total
            case "t / (T − 1)":
                return t / (total - 1)
            case "t / 1000":
                return t / 1000
        return t


# Per batch: the steps passed to the diffuser, the numbers passed to the network, and the form of the latter.
StepPairs = Sequence[tuple[Tensor, Tensor, str]]


def infer_encoding(pairs: StepPairs, first: int, total: int) -> TimestepEncoding | None:
    """Return the encoding that maps the diffuser's steps to the network's; None if no usual one fits."""
    steps = [s for s, passed, _ in pairs if s.shape == passed.shape]
    numbers = [passed for s, passed, _ in pairs if s.shape == passed.shape]
    form = pairs[0][2] if pairs else None
    if not steps:
        return TimestepEncoding(first, form=form)
    t, passed = torch.cat(steps), torch.cat(numbers)
    for scale in ("t", "t / T", "t / (T − 1)", "t / 1000"):
        if torch.allclose(TimestepEncoding(0, scale).encode(t, total).double(), passed, atol=1e-5):
            return TimestepEncoding(first, scale, form)
    for shift in (1, -1):  # a diffuser that counts from 0 with a network that counts from 1, or the reverse
        if torch.allclose(t + shift, passed):
            return TimestepEncoding(first + shift, "t", form)
    return None


def tabulate_encoding(pairs: StepPairs, first: int, total: int) -> TimestepEncoding | None:
    """Return a table of the numbers passed to the network at each step.

    Returns:
        None if a step has more than one number, or if fewer than half of the ``total`` steps occurred.
    """
    seen: dict[int, list[float]] = {}
    for steps, passed, _ in pairs:
        if steps.shape == passed.shape:
            for step, number in zip(steps.tolist(), passed.tolist(), strict=True):
                seen.setdefault(round(step) - first, []).append(number)
    one_each = all(max(numbers) - min(numbers) <= 1e-4 * max(1, abs(numbers[0])) for numbers in seen.values())
    if not one_each or len(seen) < total / 2:
        return None
    table = tuple(sorted((step, numbers[0]) for step, numbers in seen.items()))
    return TimestepEncoding(first, "a number of its own for each t", pairs[0][2], table)


def timesteps_are_unrelated(pairs: StepPairs) -> bool:
    """Return whether the numbers passed to the network do not depend on the steps passed to the diffuser.

    They are unrelated if they neither agree for equal steps nor correlate with the steps: any function of the
    step agrees for equal steps, and one with some noise still correlates.
    """
    alike = [(steps, passed) for steps, passed, _ in pairs if steps.shape == passed.shape]
    if not alike:
        return False
    t, passed = (torch.cat(parts).double() for parts in zip(*alike, strict=True))
    spreads = [passed[t == step].std(correction=0) for step in set(t.tolist()) if (t == step).sum() > 1]
    if len(spreads) < 10 or not passed.std() > 0:
        return False
    # Within equal steps, independent numbers spread almost as much as overall: 0.8 of it for four draws.
    differ = torch.stack(spreads).mean() > 0.5 * passed.std()
    # The correlation of 192 independent pairs is 0 ± 0.07, so 0.35 is about five standard errors.
    return bool(differ) and abs(torch.corrcoef(torch.stack([t, passed]))[0, 1].item()) < 0.35


def form_of(value: Any) -> str:
    """Return the form of a step argument, such as "float (B, 1)", "list" or "int"."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    kind = "float" if value.is_floating_point() else "long"
    if value.ndim == 0:
        return f"{kind} ()"
    sizes = ["1" if value.numel() == 1 else "B", *(str(size) for size in value.shape[1:])]
    return f"{kind} ({', '.join(sizes)}{',' if value.ndim == 1 else ''})"


def with_padding(curves: Mapping[str, Tensor], padded: frozenset[str]) -> dict[str, Tensor]:
    """Return schedule curves, (T,), with an entry before the first step's for the names in ``padded``."""
    before = {"betas": 0.0, "alphas": 1.0, "alpha_bar": 1.0}
    return {
        name: torch.cat([torch.full((1,), before[name]), curve]) if name in padded else curve
        for name, curve in curves.items()
    }
