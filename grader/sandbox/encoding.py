"""Encode the judge's values as the plain values of the protocol (see ``worker``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from grader.sandbox.decoding import Callback
from grader.sandbox.values import (
    CurrentDevice,
    Double,
    Exhausted,
    Handle,
    NamedFields,
    OnCPU,
    Refusal,
    StudentError,
)


class RequestEncoder:
    """Encoder for the values of one message to a worker.

    Attributes:
        tensors: tensors of the message, in the order in which the encoded values refer to them.
        doubles: test doubles that the message mentions, by number; the worker may call them back.
    """

    def __init__(self, generation: int, names: Mapping[str, str]) -> None:
        """
        Args:
            generation: number of the worker that the message is for; handles of another one are refused.
            names: the notebook's own names for wanted definitions, where they differ.
        """
        self.tensors: list[Tensor] = []
        self.doubles: dict[int, Double] = {}
        self._generation, self._names = generation, names

    def target(self, target: str | Handle) -> dict[str, Any]:
        """Encode the target of a request: a name in the notebook, or the handle of an object.

        Raises:
            StudentError: the object was lost with an earlier worker.
        """
        if isinstance(target, str):
            return {"name": target}
        if target.generation != self._generation:
            raise StudentError("Died", f"the {target.type} was lost when its Python process ended")
        return {"handle": target.number}

    def answer(self, callback: Callback) -> dict[str, Any]:
        """Return the header of the answer to a call of a test double: a value, an end or an error."""
        try:
            return {"value": self.encode(callback.answer())}
        except Exhausted:
            return {"stop": True}
        except Refusal as refusal:
            return {"raise": {"type": refusal.type, "message": str(refusal)}}

    def encode(self, value: Any) -> Any:
        """Return ``value`` in the protocol's form; anything unknown is taken for a test double."""
        match value:
            case None | bool() | int() | str():
                return value
            case float():
                return value if math.isfinite(value) else {"float": str(value)}
            case Tensor():
                return self._tensor(value)
            case OnCPU():
                return {**self._tensor(value.tensor), "on": "cpu"}
            case CurrentDevice():
                return {"device": True}
            case Handle():
                return self.target(value)
            case NamedFields():
                return {"tuple": [self.encode(item) for item in value], "names": list(value.names)}
            case tuple():
                return {"tuple": [self.encode(item) for item in value]}
            case list():
                return [self.encode(item) for item in value]
            case SimpleNamespace():
                return {"namespace": [[name, self.encode(item)] for name, item in vars(value).items()]}
            case dict():
                return {"dict": [[self.encode(key), self.encode(item)] for key, item in value.items()]}
        return self._double(value)

    def _tensor(self, tensor: Tensor) -> dict[str, int | str]:
        self.tensors.append(tensor.detach())
        return {"tensor": len(self.tensors) - 1}

    def _double(self, double: Double) -> dict[str, Any]:
        number = id(double)
        self.doubles[number] = double
        description = double.describe()
        if "passes_for" in description:
            own = [self._names.get(name, name) for name in description["passes_for"]]
            description = {**description, "passes_for": own}
        packed = {
            name: {key: self.encode(item) for key, item in value.items()}
            if name == "attributes"
            else self.encode(value)
            for name, value in description.items()
        }
        return {**packed, "double": number}
