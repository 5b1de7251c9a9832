"""Records what a network computes as data: a list of operators with their arguments, and the constants.

A TorchDispatchMode sees every operator that the network's code reaches, whatever it is written in: modules,
functions, arithmetic, TorchScript. Python control flow leaves no trace, so a graph describes one path through
the code, for arguments of these shapes. The process that records runs untrusted code, which may put anything
into a graph; it proves nothing until ``replay`` reproduces the network's own answers with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from . import operators
from .wire import FRAME_DTYPES

MAX_NODES = 4096
MAX_TEXT = 900_000  # characters; a frame's header holds a million
MAX_CONSTANTS = 200 << 20  # bytes
ALIGNMENT = 16

# Bound before student code, or the worker itself, can replace them.
_dumps = json.dumps
_Generator = torch._C.Generator
_MOST_SEED = (1 << 62) - 1


class NotRecordable(Exception):
    """Raised if a network's computation cannot be written as a graph; the message gives the reason."""


def record(network: Callable[..., Any], args: Sequence[Any]) -> dict[str, Any]:
    """Call a network and return what it computed.

    Returns:
        ``graph``, JSON text as ``program.parse`` reads it; ``constants``, the bytes of all constants, uint8
        (N,); ``reads``, whether the code looked at values, by which it may have chosen its path. Or
        ``refused`` in place of these, the reason why it cannot be recorded. In both cases also the numbers of
        its ``weights``, of those that are ``loose``, not among its parameters, and of the loose ones that
        are ``new``, made in this call.
    """
    parameters = list(network.parameters()) if isinstance(network, torch.nn.Module) else []
    recorder = _Recorder([arg for arg in args if isinstance(arg, Tensor)], parameters)
    with recorder:
        output = network(*args)
    try:
        return {**recorder.result(output), **recorder.weights()}
    except NotRecordable as error:
        return {"refused": str(error), **recorder.weights()}


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._parameters = [
            (id(each), each.data_ptr()) for each in parameters
        ]  # TorchScript has other objects
        self._numbers: dict[int, int] = {}  # of each tensor, by the id of its object
        self._alive: list[Any] = []  # an id stays unique while its object lives
        self._nodes: list[list[Any]] = []
        self._constants: list[tuple[int, Tensor]] = []
        self._weights: list[
            tuple[Tensor, int]
        ] = []  # with their versions, which change when they are written to
        self._generators: list[Any] = []
        self._reads = False
        self._problem: str | None = None
        self._inputs = [self._new(tensor) for tensor in inputs]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        base = func._schema.name.removeprefix("aten::")
        reads = base in operators.READS_VALUES
        encoded = None if self._problem or reads else self._arguments(args, kwargs)
        result = func(*args, **kwargs)
        self._reads |= reads
        if encoded is not None:
            self._add(f"{base}.{func._schema.overload_name or 'default'}", base, encoded, result)
        return result

    def result(self, output: Any) -> dict[str, Any]:
        """Return the recorded graph.

        Raises:
            NotRecordable: an operator, a value or the size does not fit.
        """
        if isinstance(output, tuple | list) and output:
            output = output[0]
        if self._problem:
            raise NotRecordable(self._problem)
        if not isinstance(output, Tensor) or id(output) not in self._numbers:
            raise NotRecordable("its result does not come from tensor operations")
        if any(weight._version != version for weight, version in self._weights if not self._is_loose(weight)):
            raise NotRecordable("it changes its weights while it runs")
        constants, parts, size = [], [], 0
        for number, tensor in self._constants:
            raw = _raw(tensor)
            constants.append([number, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), size])
            padding = -len(raw) % ALIGNMENT
            parts += [raw, torch.zeros(padding, dtype=torch.uint8)]
            size += len(raw) + padding
        text = _dumps(
            {
                "inputs": self._inputs,
                "constants": constants,
                "nodes": self._nodes,
                "output": self._numbers[id(output)],
            },
            separators=(",", ":"),
            allow_nan=False,
        )
        if len(text) > MAX_TEXT:
            raise NotRecordable("it makes too many operations")
        blob = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.uint8)
        return {"graph": text, "constants": blob, "reads": self._reads}

    def weights(self) -> dict[str, int]:
        """Return how many weights were used, how many are no parameters, and how many of these are new."""
        loose = [(weight, version) for weight, version in self._weights if self._is_loose(weight)]
        new = sum(weight._version != version for weight, version in loose)
        return {"weights": len(self._weights), "loose": len(loose), "new": new}

    def _is_loose(self, weight: Tensor) -> bool:
        return not any(id(weight) == known or weight.data_ptr() == at for known, at in self._parameters)

    def _add(self, name: str, base: str, encoded: list[Any], result: Any) -> None:
        if len(self._nodes) >= MAX_NODES:
            self._problem = "it makes too many operations"
        elif not operators.is_allowed(base):
            self._problem = f"it uses the operator {name}"
        else:
            results = list(result) if isinstance(result, tuple | list) else [result]
            outs = [self._numbered(r) if isinstance(r, Tensor) else None for r in results]
            self._nodes.append([name, *encoded, outs])

    def _arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any] | None:
        try:
            named = {name: self._encode(value) for name, value in kwargs.items()}
            return [[self._encode(arg) for arg in args], named]
        except Exception as error:  # the network's call goes on, whatever becomes of the recording
            self._problem = str(error) if isinstance(error, NotRecordable) else type(error).__name__
            return None

    def _encode(self, value: Any) -> Any:
        match value:
            case None | bool() | str():
                return value
            case int():
                return int(value)
            case float():
                return float(value) if math.isfinite(value) else {"float": str(float(value))}
            case complex() if math.isfinite(value.real) and math.isfinite(value.imag):
                return {"complex": [value.real, value.imag]}
            case Tensor():
                return {"value": self._constant(value)}
            case tuple() | list():
                return [self._encode(item) for item in value]
            case torch.dtype():
                return {"dtype": str(value).removeprefix("torch.")}
            case torch.device():
                return {"device": True}
            case torch.memory_format():
                return {"memory_format": str(value).removeprefix("torch.")}
            case torch.layout() if value is torch.strided:
                return None
            case _Generator():
                return {"generator": [self._generator(value), value.initial_seed() & _MOST_SEED]}
        raise NotRecordable(f"it passes a {type(value).__name__} to an operator")

    def _numbered(self, tensor: Tensor) -> int:
        return self._numbers[id(tensor)] if id(tensor) in self._numbers else self._new(tensor)

    def _constant(self, tensor: Tensor) -> int:
        """Return the tensor's number; one that was not computed here is a constant, such as a weight."""
        if id(tensor) in self._numbers:
            return self._numbers[id(tensor)]
        if tensor.dtype not in FRAME_DTYPES or tensor.layout is not torch.strided or tensor.is_quantized:
            raise NotRecordable(f"it uses a tensor of type {tensor.dtype}")
        number = self._new(tensor)
        size = sum(constant.nbytes for _, constant in self._constants) + tensor.nbytes
        if size > MAX_CONSTANTS:
            raise NotRecordable("its weights are too large")
        if tensor.requires_grad:  # a weight: too large to copy, and rarely written to
            self._weights.append((tensor, tensor._version))
            self._constants.append((number, tensor))
        else:
            self._constants.append((number, tensor.clone()))
        return number

    def _generator(self, generator: Any) -> int:
        """Return the number of a generator that the network keeps for itself."""
        if not any(generator is known for known in self._generators):
            self._generators.append(generator)
        return next(i for i, known in enumerate(self._generators) if known is generator)

    def _new(self, tensor: Tensor) -> int:
        self._alive.append(tensor)
        self._numbers[id(tensor)] = len(self._numbers)
        return self._numbers[id(tensor)]


def _raw(tensor: Tensor) -> Tensor:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8) if flat.numel() else torch.zeros(0, dtype=torch.uint8)
