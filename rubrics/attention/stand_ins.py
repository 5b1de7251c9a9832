"""Parts of the student's that other parts need, computed by the judge: so that one mistake is charged once.

A part is asked with the student's own parts first, and where it then fails an expectation, with the judge's
in their place. A mistake in what a part is built on cannot fail it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from grader.probes.doubles import FunctionDouble, ModuleDouble
from grader.sandbox.student import Student
from grader.sandbox.values import Refusal, StudentError

from . import oracle
from .interface import HANDOUT
from .weights import NAME, RecoveredAttention

T = TypeVar("T")
R = TypeVar("R")
Compute = Callable[..., Any]
_MOST = 5_000_000  # numbers that the judge computes with for the student's code


def attention(own: RecoveredAttention | None) -> FunctionDouble:
    """Return a stand-in for the attention function, with the layout of the student's own result.

    Args:
        own: the student's; None if it does not work.
    """

    def compute(*args: Any, **kwargs: Any) -> Any:
        given = _bound(("q", "k", "v", "mask"), args, kwargs)
        q, k, v = (_tensor(given.get(name), name) for name in "qkv")
        if q.numel() // max(q.shape[-1], 1) * k.shape[-2] > _MOST or max(map(torch.numel, (q, k, v))) > _MOST:
            raise Refusal("ValueError", f"{NAME} was called with far too many tokens")
        output = oracle.attention(q, k, v, allowed(given.get("mask")))
        if own is None or own.layout is None:
            return output
        items: list[Any] = [torch.zeros(*q.shape[:-1], k.shape[-2])] * max(own.items, 1)
        items[own.layout] = output
        return tuple(items)

    return FunctionDouble(compute)


def heads(compute: Compute) -> FunctionDouble:
    """Return a stand-in for the class MultiHeadAttention, whose modules compute this of x and the mask."""
    return _layer_class(compute)


def right_heads() -> Compute:
    """Return a function that computes right attention of x, (B, L, d), and a mask."""
    return _of_width(lambda width: oracle.MultiHeadAttention(width, 2))


def block() -> FunctionDouble:
    """Return a stand-in for the class TransformerBlock."""
    return _layer_class(_of_width(lambda width: oracle.Block(width, 2, 2 * width)))


def positions(*, as_class: bool) -> FunctionDouble:
    """Return a stand-in for the function positional_encoding, or for a class that adds the encodings."""

    def encode(length: int, width: int) -> Tensor:
        if length * width > _MOST:
            raise Refusal("ValueError", "positional_encoding was asked for far too many positions")
        return oracle.positional_encoding(length, width)

    def compute(*args: Any, **kwargs: Any) -> Tensor:
        given = _bound(("length", "d_model"), args, kwargs)
        return encode(int(given["length"]), int(given["d_model"]))

    def add(x: Tensor) -> Tensor:
        return x + encode(*x.shape[-2:])

    return FunctionDouble(lambda *args, **kwargs: ModuleDouble(add)) if as_class else FunctionDouble(compute)


def with_stand_ins(student: Student, doubles: Mapping[str, FunctionDouble], stack: ExitStack) -> Student:
    """Return a fresh worker, closed with ``stack``, in which doubles take the places of definitions."""
    worker = stack.enter_context(student.fresh(notices={}))
    for name, double in doubles.items():
        worker.set_variable(student.source.names.get(name, name), double)
    return worker


class Parts(Generic[T]):
    """Variants of a student's part: first with its own parts, then with stand-ins for some of them.

    Args:
        variants: build the part each; they may register what has to be closed.
    """

    def __init__(self, *variants: Callable[[ExitStack], T]) -> None:
        self._variants = variants
        self._stack = ExitStack()
        self._built: dict[int, T | Exception] = {}

    def close(self) -> None:
        """End the workers."""
        self._stack.close()

    def expect(self, expectation: Callable[[T], R]) -> R:
        """Return what an expectation returns for the first variant that meets it.

        Raises:
            Unmet, StudentError, Blocked: as for the first variant, if none meets it.
        """
        failure: Exception | None = None
        for number in range(len(self._variants)):
            try:
                return expectation(self._variant(number))
            except (Unmet, StudentError, Blocked) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _variant(self, number: int) -> T:
        if number not in self._built:
            try:
                self._built[number] = self._variants[number](self._stack)
            except (StudentError, Unmet, Blocked) as error:
                self._built[number] = error
        found = self._built[number]
        if isinstance(found, Exception):
            raise found
        return found


def allowed(mask: Any) -> Tensor | None:
    """Return a mask that student code passes as a boolean one, True where a query may attend.

    A mask of numbers is additive if it has negative ones, and otherwise 1 where a query may attend.
    """
    if not isinstance(mask, Tensor):
        return None
    if mask.dtype == torch.bool:
        return mask
    return mask == 0 if bool((mask < 0).any()) else mask > 0


def _layer_class(compute: Compute) -> FunctionDouble:
    def layer(*args: Any, **kwargs: Any) -> Tensor:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if not tensors or tensors[0].ndim != 3:
            raise Refusal("TypeError", "the layer takes x of shape (B, L, d_model), and a mask")
        if tensors[0].numel() * tensors[0].shape[1] > _MOST:
            raise Refusal("ValueError", "the layer was called with far too many tokens")
        x, rest = tensors[0], [each for each in tensors[1:] if each.shape != tensors[0].shape]
        output: Tensor = compute(x.float(), allowed(rest[0]) if rest else None)
        return output

    return FunctionDouble(lambda *args, **kwargs: ModuleDouble(layer))


def _of_width(make: Callable[[int], Any]) -> Compute:
    """Return a function that computes with a module made for the width of its first input."""
    made: list[Any] = []

    def compute(x: Tensor, mask: Tensor | None) -> Tensor:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(len(made))
            if not made:
                made.append(make(x.shape[-1]).eval())
            output: Tensor = made[0](x, mask)
        return output

    return compute


def _bound(names: tuple[str, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by the handout's names."""
    own = HANDOUT.matched_names(list(kwargs), dict.fromkeys(names))
    given = {known: kwargs[name] for name, known in own.items()}
    left = [name for name in names if name not in given]
    return dict(zip(left, args, strict=False)) | given


def _tensor(value: Any, name: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise Refusal("TypeError", f"{NAME} was called without the tensor {name}")
    return value.float()
