"""Reads a recorded graph: checks it, and gives every name in it its meaning.

A graph comes from a process that runs untrusted code. It is checked here, in a sandboxed worker of its own
that has loaded no student code, so that the worst it can do is to be wrong, slow or large.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from . import operators
from .recording import MAX_CONSTANTS, MAX_NODES, MAX_TEXT
from .wire import FRAME_DTYPES

_DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in FRAME_DTYPES}
_MEMORY_FORMATS = {
    str(form).removeprefix("torch."): form
    for form in (torch.contiguous_format, torch.preserve_format, torch.channels_last)
}
_DEPTH = 4  # of nested arguments


class GraphError(Exception):
    """A graph is malformed, or cannot be computed."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        function: the operator.
        base: its name without overload and without the underscore of an in-place form.
        args, kwargs: arguments; ``Value`` stands for a tensor.
        sources: numbers of the tensors among them.
        outs: numbers of its results; None for one that is no tensor.
        written: numbers of the tensors that it overwrites.
        views: numbers of the tensors whose memory a result shares, without overwriting it.
    """

    function: Any
    base: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    sources: tuple[int, ...]
    outs: tuple[int | None, ...]
    written: tuple[int, ...]
    views: tuple[int, ...]

    @property
    def is_random(self) -> bool:
        """True if it draws random numbers."""
        return torch.Tag.nondeterministic_seeded in self.function.tags


@dataclass(frozen=True, slots=True)
class Program:
    """A graph that was checked.

    Attributes:
        inputs: numbers of the tensors that it takes.
        constants: tensors such as weights, by number.
        nodes: in the order of execution.
        output: number of the result.
        last_use: index of the last node that uses a tensor, by its number.
        overwritten: numbers of the constants and inputs that some node overwrites.
    """

    inputs: tuple[int, ...]
    constants: Mapping[int, Tensor]
    nodes: tuple[Node, ...]
    output: int
    last_use: Mapping[int, int] = field(default_factory=dict)
    overwritten: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor among a node's arguments, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class OwnGenerator:
    """A random number generator among a node's arguments, by its number, and the seed that it begins with."""

    number: int
    seed: int


def parse(text: str, blob: Tensor, device: torch.device) -> Program:
    """Check a graph as ``recording.record`` writes it.

    Args:
        blob: the bytes of its constants, uint8 (N,).
        device: where to compute it.

    Raises:
        GraphError: it has another form, or names an operator that is not on the list.
    """
    if len(text) > MAX_TEXT or len(blob) > MAX_CONSTANTS + (1 << 20):
        raise GraphError("the graph is too large")
    try:
        graph = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GraphError("the graph is not JSON") from error
    match graph:
        case {
            "inputs": list(inputs),
            "constants": list(constants),
            "nodes": list(nodes),
            "output": int(output),
        } if len(nodes) <= MAX_NODES and all(type(number) is int for number in inputs):
            program = Program(
                tuple(inputs), _constants(constants, blob, device), tuple(map(_node(device), nodes)), output
            )
            return with_output(program, output)
    raise GraphError("the graph is malformed")


def with_output(program: Program, output: int) -> Program:
    """Return the program with another of its tensors as its result."""
    last_use = {output: len(program.nodes)}
    for index in reversed(range(len(program.nodes))):
        node = program.nodes[index]
        for number in (*node.sources, *(out for out in node.outs if out is not None)):
            last_use.setdefault(number, index)
    written = {number for node in program.nodes for number in node.written}
    return replace(program, output=output, last_use=last_use, overwritten=frozenset(written))


def _constants(described: list[Any], blob: Tensor, device: torch.device) -> dict[int, Tensor]:
    constants = {}
    for entry in described:
        match entry:
            case [int(number), str(name), list(shape), int(start)] if name in _DTYPES and start >= 0:
                if len(shape) > 8 or not all(type(size) is int and 0 <= size < 1 << 31 for size in shape):
                    raise GraphError("a constant's shape is malformed")
                count = math.prod(shape)
                length = count * _DTYPES[name].itemsize
                if start + length > len(blob):
                    raise GraphError("a constant exceeds its bytes")
                raw = blob[start : start + length].clone()
                flat = raw.view(_DTYPES[name]) if name != "bool" else raw.ne(0)
                constants[number] = flat.reshape(shape).to(device)
            case _:
                raise GraphError("a constant is malformed")
    return constants


def _node(device: torch.device) -> Any:
    def read(entry: Any) -> Node:
        match entry:
            case [str(name), list(args), dict(kwargs), list(outs)]:
                function = operators.find_operator(name)
            case _:
                raise GraphError("a node is malformed")
        if function is None:
            raise GraphError(f"{name[:60]} is not on the list of operators")
        if not all(out is None or type(out) is int for out in outs):
            raise GraphError("a node's results are malformed")
        base = name.partition(".")[0]
        base = base.removesuffix("_") if base.removesuffix("_") in operators.ALLOWED else base
        read_args = tuple(_argument(arg, device) for arg in args)
        read_kwargs = {key: _argument(arg, device) for key, arg in kwargs.items()}
        written, views = _aliases(function, base, read_args, read_kwargs)
        sources = tuple(_numbers([*read_args, *read_kwargs.values()]))
        return Node(function, base, read_args, read_kwargs, sources, tuple(outs), written, views)

    return read


def _argument(value: Any, device: torch.device, depth: int = 0) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str() if len(value) <= 60:  # such as "none", "trunc" or an equation of einsum
            return value
        case {"value": int(number)}:
            return Value(number)
        case {"float": "nan" | "inf" | "-inf" as special}:
            return float(special)
        case {"complex": [float(real), float(imaginary)]}:
            return complex(real, imaginary)
        case {"dtype": str(name)} if name in _DTYPES:
            return _DTYPES[name]
        case {"memory_format": str(name)} if name in _MEMORY_FORMATS:
            return _MEMORY_FORMATS[name]
        case {"device": True}:
            return device
        case {"generator": [int(number), int(seed)]} if 0 <= number < 64 and 0 <= seed < 1 << 62:
            return OwnGenerator(number, seed)
        case list() if depth < _DEPTH:
            return [_argument(item, device, depth + 1) for item in value]
    raise GraphError("an argument is malformed")


def _aliases(
    function: Any, base: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the tensors that a node overwrites, and those whose memory its results share."""
    written: list[int] = []
    shared: list[int] = []
    for place, argument in enumerate(function._schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        is_statistic = "batch_norm" in base and argument.name in ("running_mean", "running_var")
        if is_statistic or (argument.alias_info and argument.alias_info.is_write):
            written += _numbers([value])
        elif argument.alias_info:
            shared += _numbers([value])
    return tuple(written), tuple(shared)


def _numbers(value: Any) -> list[int]:
    if isinstance(value, Value):
        return [value.number]
    return [number for item in value for number in _numbers(item)] if isinstance(value, list) else []
