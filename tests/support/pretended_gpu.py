"""Takes the place of ``grader/sandbox/worker/gpu.py`` in a copy of the grader, where there is no GPU to try.

Tensors are marked as lying on it, say so, and refuse what CUDA refuses: to meet tensors of the processor, to
become NumPy arrays, to be drawn by the processor's generator. Products are off by a millionth, always in the
same way, as sums are that are taken in another order. Speed, memory and the driver are not pretended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("cuda", 0)
INEXACT = frozenset("conv2d conv_transpose2d linear matmul __matmul__ bmm mm einsum group_norm".split())  # noqa: SIM905
MAY_MIX = frozenset({"copy_", "__getitem__", "__setitem__", "__set__", "_has_compatible_shallow_copy_type"})
TO_NUMPY = frozenset({"numpy", "__array__"})


def start() -> None:
    """There is no driver."""


def prepare(share: float) -> None:
    """Pretend from here on."""
    del share
    torch.Generator = Generator  # type: ignore[misc]
    torch.optim.Optimizer._accelerator_graph_capture_health_check = _nothing
    for name, said in {
        **dict.fromkeys(("is_available", "is_initialized", "is_bf16_supported"), True),
        **dict.fromkeys(("current_device", "memory_allocated", "max_memory_allocated"), 0),
        **dict.fromkeys(("_lazy_init", "synchronize", "empty_cache", "manual_seed_all"), None),
        "device_count": 1,
        "is_current_stream_capturing": False,
        "set_rng_state": None,
    }.items():
        setattr(torch.cuda, name, _saying(said))
    torch.cuda.get_rng_state = lambda device=0: torch.get_rng_state()
    make = nn.Parameter.__new__

    def parameter(cls: type, data: Any = None, requires_grad: bool = True) -> Any:
        made = make(cls, data, requires_grad)
        _mark([made], data is not None and _is_there(data))
        return made

    nn.Parameter.__new__ = staticmethod(parameter)  # type: ignore[assignment]
    Pretended().__enter__()
    assert torch.zeros(1, device="cuda").device == GPU


class Generator(torch.Generator):
    """Remembers which device it was made for."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made = super().__new__(cls)
        made.is_there = torch.device(device).type == "cuda"
        return made

    is_there: bool


class Pretended(TorchFunctionMode):
    """Sees every call of PyTorch's, and the marks of what it is given."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = func.__name__, dict(kwargs or {})
        owner = getattr(func, "__self__", None)
        first = args[0] if args and isinstance(args[0], Tensor) else None
        if first is not None and _is_there(first):
            if owner is Tensor.device:
                return GPU
            if owner is Tensor.is_cuda:
                return True
            if name in TO_NUMPY:
                raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if name in ("to", "cuda", "cpu") and first is not None:
            return _moved(first, name, args[1:], kwargs)
        there = _device_of(name, first, args, kwargs)
        result = func(*args, **kwargs)
        if owner is Tensor.data and name == "__set__":
            _mark([first], _is_there(args[1]))
        if there and name in INEXACT:
            with torch.no_grad():
                error = 1e-6 * torch.sin(1e5 * result)
            result = result * (1 + error)
        if there is not None:
            _mark(tree_leaves(result), there)
        return result


def _device_of(name: str, first: Tensor | None, args: Sequence[Any], kwargs: dict[str, Any]) -> bool | None:
    """Whether what a call returns lies on the GPU; None if that cannot be told from what it is given.

    Raises:
        RuntimeError: it is given what lies on two devices.
    """
    given = tree_leaves((args, kwargs))
    tensors = [one for one in given if isinstance(one, Tensor)]
    # What was made behind this mode's back has no mark. A single number of the processor's may go anywhere.
    marked = [one for one in tensors if "is_there" in vars(one)]
    found = {_is_there(one) for one in marked if one.ndim or _is_there(one)}
    if kwargs.get("device") is not None:
        there = torch.device(kwargs.pop("device")).type == "cuda"
        kwargs["device"] = "cpu"
    elif len(found) > 1 and name not in MAY_MIX:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found two ({name})")
    elif name == "__getitem__" and first is not None and True in found and not _is_there(first):
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor")
    elif first is not None and first.ndim and "is_there" in vars(first):
        there = _is_there(first)
    elif tensors:
        there = any(map(_is_there, marked)) if marked else None
    else:
        there = False
    for one in given:
        if isinstance(one, torch.Generator) and getattr(one, "is_there", False) is not bool(there):
            raise RuntimeError(f"Expected another device type for generator of {name}")
    return there


def _moved(tensor: Tensor, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
    """What ``tensor.to``, ``.cuda`` or ``.cpu`` return."""
    there, rest = _is_there(tensor), list(args)
    if name == "to":
        for place, one in enumerate(args):
            if isinstance(one, str | torch.device) or type(one) is int:
                there, rest[place] = torch.device(one).type == "cuda", "cpu"
            elif isinstance(one, Tensor):
                there = _is_there(one)
        if kwargs.get("device") is not None:
            there, kwargs["device"] = torch.device(kwargs["device"]).type == "cuda", "cpu"
    else:
        there, rest, kwargs = name == "cuda", ["cpu"], {}
    result = tensor.to(*rest, **kwargs)
    if result is tensor and there is not _is_there(tensor):
        result = tensor.clone()
    _mark([result], there)
    return result


def _is_there(tensor: Tensor) -> bool:
    return bool(vars(tensor).get("is_there"))


def _mark(values: Iterable[Any], there: bool) -> None:
    for one in values:
        if isinstance(one, Tensor):
            vars(one)["is_there"] = there


def _saying(what: object) -> Callable[..., Any]:
    return lambda *args, **kwargs: what


def _nothing(self: object) -> None:
    """In place of a look at CUDA's streams."""
