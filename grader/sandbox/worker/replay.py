"""Computes a recorded graph, one operator of a fixed list after another."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .program import GraphError, Node, OwnGenerator, Program, Value

_MAX_RESULT = 1 << 24  # elements of one result: 64 MB of float32


class Run:
    """One computation of a program, node by node. It can be copied halfway."""

    def __init__(self, program: Program, args: Sequence[Tensor], seed: int) -> None:
        """
        Args:
            args: the inputs.
            seed: seeds the random numbers.

        Raises:
            GraphError: the program takes another number of inputs.
        """
        if len(args) != len(program.inputs):
            raise GraphError("the graph has another number of inputs")
        self.program = program
        given = {**program.constants, **dict(zip(program.inputs, args, strict=True))}
        self.values = {n: v.clone() if n in program.overwritten else v for n, v in given.items()}
        torch.manual_seed(seed)
        self._random = _random_state()
        self._own: dict[int, Tensor] = {}  # states of the generators that the network keeps for itself
        self._device = args[0].device

    def step(self, index: int) -> None:
        """Compute a node; each run draws random numbers of its own, whatever others drew in between.

        Raises:
            GraphError: it cannot be computed.
        """
        node = self.program.nodes[index]
        if node.is_random:
            _set_random_state(self._random)
        try:
            result = self._compute(node)
        except GraphError:
            raise
        except Exception as error:
            raise GraphError(f"{node.base}: {type(error).__name__}") from error
        if node.is_random:
            self._random = _random_state()
        results = list(result) if isinstance(result, tuple | list) else [result]
        if len(results) != len(node.outs):
            raise GraphError(f"{node.base}: another number of results")
        tensors = [found if isinstance(found, Tensor) else None for found in results]
        for out, tensor in zip(node.outs, tensors, strict=True):
            if out is not None and tensor is not None:
                if tensor.numel() > _MAX_RESULT:
                    raise GraphError(f"{node.base}: the result is too large")
                self.values[out] = tensor

    def _compute(self, node: Node) -> Any:
        args = [_filled(arg, self.values) for arg in node.args]
        kwargs = {name: _filled(arg, self.values) for name, arg in node.kwargs.items()}
        _expect_consistent(node, args)
        own = kwargs.get("generator")
        if not isinstance(own, OwnGenerator):
            return node.function(*args, **kwargs)
        generator = torch.Generator(self._device)
        if own.number in self._own:
            generator.set_state(self._own[own.number])
        else:
            generator.manual_seed(own.seed)
        result = node.function(*args, **{**kwargs, "generator": generator})
        self._own[own.number] = generator.get_state()
        return result

    def forget(self, index: int) -> None:
        """Free the tensors that no node after this one uses."""
        node = self.program.nodes[index]
        used = (number for number in (*node.sources, *node.outs) if number is not None)
        for number in used:
            if self.program.last_use.get(number) == index and number not in self.program.constants:
                self.values.pop(number, None)

    def output(self) -> Tensor:
        """Return the result, after the last node."""
        found = self.values.get(self.program.output)
        if found is None:
            raise GraphError("the graph does not compute its result")
        return found

    def fork(self) -> Run:
        """Return a copy that continues on its own from here; views of one tensor stay views of one tensor."""
        twin = copy.copy(self)
        fixed = {n: v for n, v in self.program.constants.items() if n not in self.program.overwritten}
        memo = {id(value): value for value in fixed.values()}
        twin.values, twin._own = copy.deepcopy(self.values, memo), dict(self._own)
        return twin


def run(program: Program, args: Sequence[Tensor], seed: int) -> Tensor:
    """Compute a program from its inputs.

    Raises:
        GraphError: it cannot be computed.
    """
    running = Run(program, args, seed)
    for index in range(len(program.nodes)):
        running.step(index)
        running.forget(index)
    return running.output()


def _filled(arg: Any, values: Mapping[int, Tensor]) -> Any:
    if isinstance(arg, Value):
        if arg.number not in values:
            raise GraphError("a node uses a tensor before it is computed")
        return values[arg.number]
    return [_filled(item, values) for item in arg] if isinstance(arg, list) else arg


def _expect_consistent(node: Node, args: Sequence[Any]) -> None:
    """Check what the normalisations' kernels take on trust: one number per channel."""
    if "batch_norm" in node.base:
        image, *rest = args[:5]
        if any(isinstance(r, Tensor) and r.numel() != image.shape[1] for r in rest):
            raise GraphError("batch_norm: one number per channel is needed")
    if node.base == "native_group_norm":
        image, weight, bias, count, channels, positions, groups = args[:7]
        fits = image.numel() == count * channels * positions and groups > 0 and channels % groups == 0
        if not fits or any(w is not None and w.numel() != channels for w in (weight, bias)):
            raise GraphError("group_norm: the sizes do not fit")


def _random_state() -> list[Tensor]:
    uses_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if uses_gpu else [])]


def _set_random_state(state: list[Tensor]) -> None:
    torch.set_rng_state(state[0])
    if state[1:]:
        torch.cuda.set_rng_state(state[1])
