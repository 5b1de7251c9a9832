"""Turns Python values into the plain values of the protocol, and back, in the worker."""

from __future__ import annotations

import collections
import math
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

MAX_DEPTH = 16
MAX_ITEMS = 100_000

_detach = torch.Tensor.detach  # taken before any student's code could replace it


class AnswerEncoder:
    """Packs one message's values; what is not data becomes a handle to an object kept here."""

    def __init__(self, keep: Callable[[object], int]) -> None:
        self.tensors: list[Tensor] = []
        self.attached = False  # whether a tensor still hangs on an autograd graph
        self._keep = keep
        self._items = 0

    def pack(self, value: object, depth: int = 0) -> Any:
        """The value as the protocol writes it."""
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            return self.handle(value)
        match value:
            case None | bool() | str():
                return value
            case int():
                return int(value)
            case float():
                return float(value) if math.isfinite(value) else {"float": str(float(value))}
            case Tensor():
                return self._tensor(value)
            case tuple():
                packed: dict[str, Any] = {"tuple": [self.pack(item, depth + 1) for item in value]}
                return packed | ({"names": list(value._fields)} if hasattr(value, "_fields") else {})
            case list():
                return [self.pack(item, depth + 1) for item in value]
            case Mapping():
                return {
                    "dict": [[self.pack(k, depth + 1), self.pack(v, depth + 1)] for k, v in value.items()]
                }
        if type(value).__module__ == "numpy":
            return self._numpy(value, depth)
        return self.handle(value)

    def handle(self, value: object) -> dict[str, Any]:
        """Keep the object here, and name it by number."""
        return {"handle": self._keep(value), "type": type(value).__name__}

    def _tensor(self, tensor: Tensor) -> dict[str, int]:
        self.attached |= tensor.requires_grad
        self.tensors.append(_detach(tensor).to("cpu"))
        return {"tensor": len(self.tensors) - 1}

    def _numpy(self, value: Any, depth: int) -> Any:
        if value.dtype.kind not in "biuf":
            return str(value)
        if value.ndim == 0:
            return self.pack(value.item(), depth + 1)
        return self._tensor(torch.as_tensor(value.copy()))


class RequestDecoder:
    """Unpacks one message's values onto the device in use."""

    def __init__(
        self,
        tensors: list[Tensor],
        device: torch.device,
        *,
        handle: Callable[[int], object],
        double: Callable[[dict[str, Any], RequestDecoder], object],
    ) -> None:
        self._tensors = tensors
        self._device = device
        self._handle = handle
        self._double = double
        self._made: dict[int, object] = {}  # one stand-in for one number, however often a message names it

    def unpack(self, value: Any) -> Any:
        """The Python value that the protocol's value stands for."""
        match value:
            case list():
                return [self.unpack(item) for item in value]
            case {"tensor": int(index), **rest}:
                return self._tensors[index].to(
                    torch.device("cpu") if rest.get("on") == "cpu" else self._device
                )
            case {"tuple": list(items), "names": list(names)}:
                return collections.namedtuple("Answer", names)(*map(self.unpack, items))
            case {"tuple": list(items)}:
                return tuple(self.unpack(item) for item in items)
            case {"namespace": list(pairs)}:
                return types.SimpleNamespace(**{name: self.unpack(item) for name, item in pairs})
            case {"dict": list(pairs)}:
                return {self.unpack(key): self.unpack(item) for key, item in pairs}
            case {"float": str(text)}:
                return float(text)
            case {"device": True}:
                return self._device
            case {"handle": int(number)}:
                return self._handle(number)
            case {"double": int(number)}:
                if number not in self._made:
                    self._made[number] = self._double(value, self)
                return self._made[number]
        return value
