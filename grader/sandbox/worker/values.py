"""Converts between Python values and the protocol's plain values, on the worker's side."""

from __future__ import annotations

import collections
import math
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from . import transforms
from .wire import FRAME_DTYPES

MAX_DEPTH = 16
MAX_ITEMS = 100_000

_detach = torch.Tensor.detach  # bound before student code can replace it


class AnswerEncoder:
    """Encodes one message's values; an object that is not data stays here and is sent as a handle.

    Attributes:
        tensors: the tensors of this message, in the order of their indices.
        attached: whether one of them requires grad.
    """

    def __init__(self, keep: Callable[[object], int]) -> None:
        self.tensors: list[Tensor] = []
        self.attached = False
        self._keep = keep
        self._items = 0

    def encode(self, value: object, depth: int = 0) -> Any:
        """Return the value in the protocol's form; what is too deep or too large becomes a handle."""
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            return self.handle(value)
        match value:
            case None | bool() | str():
                return value
            case int():
                return int(value)  # of a subclass, such as an enum
            case float():
                return float(value) if math.isfinite(value) else {"float": str(float(value))}
            case Tensor() if not value.is_complex():
                return self._tensor(value)
            case tuple():
                encoded: dict[str, Any] = {"tuple": [self.encode(item, depth + 1) for item in value]}
                return encoded | ({"names": list(value._fields)} if hasattr(value, "_fields") else {})
            case list():
                return [self.encode(item, depth + 1) for item in value]
            case Mapping():
                return {
                    "dict": [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()]
                }
        if type(value).__module__ == "numpy":
            return self._numpy(value, depth)
        return self.handle(value)

    def handle(self, value: object) -> dict[str, Any]:
        """Keep the object in the worker, and return its handle."""
        return {"handle": self._keep(value), "type": type(value).__name__}

    def _tensor(self, tensor: Tensor) -> dict[str, int]:
        self.attached |= tensor.requires_grad
        self.tensors.append(_plain(_detach(transforms.unwrapped(tensor))).to("cpu"))
        return {"tensor": len(self.tensors) - 1}

    def _numpy(self, value: Any, depth: int) -> Any:
        if value.dtype.kind not in "biuf":
            return str(value)
        if value.ndim == 0:
            return self.encode(value.item(), depth + 1)
        if value.dtype.itemsize > 8:  # long double, which torch does not have
            return self._tensor(torch.as_tensor(value.astype("float64")))
        return self._tensor(torch.as_tensor(value.copy()))


def _plain(tensor: Tensor) -> Tensor:
    """Return a tensor of the same numbers that a frame can carry."""
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    elif tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.dtype in FRAME_DTYPES:
        return tensor
    return tensor.to(torch.float32 if tensor.is_floating_point() else torch.int64)


class RequestDecoder:
    """Decodes one message's values; tensors go to the device in use.

    Args:
        tensors: those of the message.
        handle: returns the kept object of a number.
        double: builds a test double from its description.
    """

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
        self._made: dict[int, object] = {}  # a double named twice in a message is one object

    def decode(self, value: Any) -> Any:
        """Return the Python value of a protocol value."""
        match value:
            case list():
                return [self.decode(item) for item in value]
            case {"tensor": int(index), **rest}:
                return self._tensors[index].to(
                    torch.device("cpu") if rest.get("on") == "cpu" else self._device
                )
            case {"tuple": list(items), "names": list(names)}:
                return collections.namedtuple("Answer", names)(*map(self.decode, items))
            case {"tuple": list(items)}:
                return tuple(self.decode(item) for item in items)
            case {"namespace": list(pairs)}:
                return types.SimpleNamespace(**{name: self.decode(item) for name, item in pairs})
            case {"dict": list(pairs)}:
                return {self.decode(key): self.decode(item) for key, item in pairs}
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
