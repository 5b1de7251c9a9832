"""How a student's functions want to be called, and how they answer: found by trying, and recorded."""

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
    """The form of what ``noise_diffusion`` returns.

    Attributes:
        kind: "tuple", "list", "dict", "object" or "alone" (one tensor).
        keys: where its values are, in order.
        names: of a tuple's items, where they have some.
        image, noise: where the noisy image and the noise are; None where there is no noise.
    """

    kind: str = "tuple"
    keys: tuple[Key, ...] = (0, 1)
    image: Key = 0
    noise: Key | None = 1
    names: tuple[str, ...] = ()

    def pack(self, image: Tensor, noise: Tensor) -> Any:
        """An answer of this form, for a stand-in to give."""
        values = dict.fromkeys(self.keys) | {self.image: image, self.noise: noise}
        match self.kind:
            case "dict":
                return {key: values[key] for key in self.keys}
            case "object":
                return SimpleNamespace(**{str(key): values[key] for key in self.keys})
            case "list":
                return [values[key] for key in self.keys]
            case "alone":  # a mistake of the diffuser's, not of those who expect the noise
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


HANDOUTS = ReturnLayout()


def values_in(student: Student, answer: Any) -> tuple[str, dict[Key, Any]]:
    """The kind of an answer, and its values by where they are; an object's are its attributes."""
    match answer:
        case dict():
            return "dict", {key if isinstance(key, int) else str(key): value for key, value in answer.items()}
        case tuple():
            return "tuple", dict(enumerate(answer))
        case list():
            return "list", dict(enumerate(answer))
        case Handle():
            return "object", _attributes(student, answer)
    return "alone", {0: answer}


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
    """How a student counts the steps.

    Attributes:
        first: the number of the first step, 0 or 1.
        padded: schedule curves with an entry before the first step's.
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
    """How a network is told the step: the number itself or a share of T, and in which form; or, by ``table``,
    whatever it was seen to be told at steps counted from 0.
    """

    first: int = 0
    scale: str = "t"
    form: str | None = None
    table: tuple[tuple[int, float], ...] = ()

    def of(self, steps: Tensor, total: int) -> Tensor:
        """What the network is told at steps counted from 0, for a schedule of ``total`` of them."""
        if self.table:
            seen, told = zip(*self.table, strict=True)
            return torch.from_numpy(numpy.interp(steps.numpy(), seen, told))
        t = steps + self.first
        match self.scale:
            case "t / T":
                return t / total
            case "t / (T − 1)":
                return t / (total - 1)
            case "t / 1000":
                return t / 1000
        return t


Told = Sequence[tuple[Tensor, Tensor, str]]  # steps, what the network was told, and in which form


def telling(pairs: Told, first: int, total: int) -> TimestepEncoding | None:
    """How the network was told the steps that the diffuser was given; None where no usual scale fits."""
    steps = [s for s, told, _ in pairs if s.shape == told.shape]
    tolds = [told for s, told, _ in pairs if s.shape == told.shape]
    form = pairs[0][2] if pairs else None
    if not steps:
        return TimestepEncoding(first, form=form)
    t, told = torch.cat(steps), torch.cat(tolds)
    for scale in ("t", "t / T", "t / (T − 1)", "t / 1000"):
        if torch.allclose(TimestepEncoding(0, scale).of(t, total).double(), told, atol=1e-5):
            return TimestepEncoding(first, scale, form)
    for shift in (1, -1):  # a diffuser that counts from 0 beside a network that is told from 1
        if torch.allclose(t + shift, told):
            return TimestepEncoding(first + shift, "t", form)
    return None


def told_by_table(pairs: Told, first: int, total: int) -> TimestepEncoding | None:
    """What the network was told at each step; None where that is not one number, or too few steps came."""
    seen: dict[int, list[float]] = {}
    for steps, told, _ in pairs:
        if steps.shape == told.shape:
            for step, number in zip(steps.tolist(), told.tolist(), strict=True):
                seen.setdefault(round(step) - first, []).append(number)
    one_each = all(max(numbers) - min(numbers) <= 1e-4 * max(1, abs(numbers[0])) for numbers in seen.values())
    if not one_each or len(seen) < total / 2:
        return None
    table = tuple(sorted((step, numbers[0]) for step, numbers in seen.items()))
    return TimestepEncoding(first, "a number of its own for each t", pairs[0][2], table)


def tells_other_steps(pairs: Told) -> bool:
    """Whether what the network is told has nothing to do with the steps that the diffuser was given: neither
    is it the same for the same step, nor does it rise or fall with it.
    """
    alike = [(steps, told) for steps, told, _ in pairs if steps.shape == told.shape]
    if not alike:
        return False
    t, told = (torch.cat(parts).double() for parts in zip(*alike, strict=True))
    spreads = [told[t == step].std(correction=0) for step in set(t.tolist()) if (t == step).sum() > 1]
    if len(spreads) < 10 or not told.std() > 0:
        return False
    differ = torch.stack(spreads).mean() > 0.5 * told.std()  # of four draws, 0.8 on average
    # 192 pairs that have nothing to do with each other: 0 ± 0.07.
    return bool(differ) and abs(torch.corrcoef(torch.stack([t, told]))[0, 1].item()) < 0.35


def form_of(value: Any) -> str:
    """The form of a step as it was given, such as "float (B, 1)", "list" or "int"."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    kind = "float" if value.is_floating_point() else "long"
    if value.ndim == 0:
        return f"{kind} ()"
    sizes = ["1" if value.numel() == 1 else "B", *(str(size) for size in value.shape[1:])]
    return f"{kind} ({', '.join(sizes)}{',' if value.ndim == 1 else ''})"


def with_padding(curves: Mapping[str, Tensor], padded: frozenset[str]) -> dict[str, Tensor]:
    """Schedule curves, (T,), with an entry before the first where a student's have one."""
    before = {"betas": 0.0, "alphas": 1.0, "alpha_bar": 1.0}
    return {
        name: torch.cat([torch.full((1,), before[name]), curve]) if name in padded else curve
        for name, curve in curves.items()
    }
