"""A simulated GPU; replaces ``grader/sandbox/worker/gpu.py`` in a copy of the grader.

Tensors stay on the CPU, but are marked as lying on the GPU. They report that device, and refuse what CUDA
refuses: to be combined with CPU tensors, to become NumPy arrays, to be filled by a CPU generator. Matrix
products and convolutions get a fixed relative error of a millionth, as from another order of summation.
Speed, memory and the driver are not simulated.
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
    """Do nothing: there is no driver."""


def prepare(share: float) -> None:
    """Simulate a GPU from here on; ``share`` of its memory is ignored."""
    del share
    torch.Generator = Generator  # type: ignore[misc]
    torch.optim.Optimizer._accelerator_graph_capture_health_check = _nothing
    for name, value in {
        **dict.fromkeys(("is_available", "is_initialized", "is_bf16_supported"), True),
        **dict.fromkeys(("current_device", "memory_allocated", "max_memory_allocated"), 0),
        **dict.fromkeys(("_lazy_init", "synchronize", "empty_cache", "manual_seed_all"), None),
        "device_count": 1,
        "is_current_stream_capturing": False,
        "set_rng_state": None,
    }.items():
        setattr(torch.cuda, name, _returning(value))
    torch.cuda.get_rng_state = lambda device=0: torch.get_rng_state()
    # A parameter is made in C++, which the mode does not see, so the mark is copied from its data.
    new = nn.Parameter.__new__

    def parameter(cls: type, data: Any = None, requires_grad: bool = True) -> Any:
        made = new(cls, data, requires_grad)
        _mark([made], data is not None and _on_gpu(data))
        return made

    nn.Parameter.__new__ = staticmethod(parameter)  # type: ignore[assignment]
    SimulatedGpu().__enter__()
    assert torch.zeros(1, device="cuda").device == GPU


class Generator(torch.Generator):
    """A CPU generator that remembers which device it was made for."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made = super().__new__(cls)
        made.on_gpu = torch.device(device).type == "cuda"
        return made

    on_gpu: bool


class SimulatedGpu(TorchFunctionMode):
    """Checks the marks of the arguments of every call into torch, and marks its result."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = func.__name__, dict(kwargs or {})
        owner = getattr(func, "__self__", None)  # of a property's getter or setter
        first = args[0] if args and isinstance(args[0], Tensor) else None
        if first is not None and _on_gpu(first):
            if owner is Tensor.device:
                return GPU
            if owner is Tensor.is_cuda:
                return True
            if name in TO_NUMPY:
                raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if name in ("to", "cuda", "cpu") and first is not None:
            return _moved(first, name, args[1:], kwargs)
        on_gpu = _result_device(name, first, args, kwargs)
        result = func(*args, **kwargs)
        if owner is Tensor.data and name == "__set__":
            _mark([first], _on_gpu(args[1]))
        if on_gpu and name in INEXACT:
            with torch.no_grad():
                error = 1e-6 * torch.sin(1e5 * result)
            result = result * (1 + error)
        if on_gpu is not None:
            _mark(tree_leaves(result), on_gpu)
        return result


def _result_device(
    name: str, first: Tensor | None, args: Sequence[Any], kwargs: dict[str, Any]
) -> bool | None:
    """Return whether a call's result lies on the GPU; None if its arguments do not tell.

    ``kwargs["device"]`` is replaced by "cpu", where all tensors really are.

    Raises:
        RuntimeError: arguments lie on two devices.
    """
    given = tree_leaves((args, kwargs))
    tensors = [value for value in given if isinstance(value, Tensor)]
    # Tensors made in C++, which the mode does not see, have no mark. CUDA accepts CPU scalars anywhere.
    marked = [tensor for tensor in tensors if "on_gpu" in vars(tensor)]
    found = {_on_gpu(tensor) for tensor in marked if tensor.ndim or _on_gpu(tensor)}
    if kwargs.get("device") is not None:
        on_gpu = torch.device(kwargs.pop("device")).type == "cuda"
        kwargs["device"] = "cpu"
    elif len(found) > 1 and name not in MAY_MIX:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found two ({name})")
    elif name == "__getitem__" and first is not None and True in found and not _on_gpu(first):
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor")
    elif first is not None and first.ndim and "on_gpu" in vars(first):
        on_gpu = _on_gpu(first)
    elif tensors:
        on_gpu = any(map(_on_gpu, marked)) if marked else None
    else:
        on_gpu = False
    for value in given:
        if isinstance(value, torch.Generator) and getattr(value, "on_gpu", False) is not bool(on_gpu):
            raise RuntimeError(f"Expected another device type for generator of {name}")
    return on_gpu


def _moved(tensor: Tensor, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Tensor:
    """Return what ``tensor.to``, ``.cuda`` or ``.cpu`` returns: a copy if the device changes."""
    on_gpu, rest = _on_gpu(tensor), list(args)
    if name == "to":
        for place, value in enumerate(args):
            if isinstance(value, str | torch.device) or type(value) is int:
                on_gpu, rest[place] = torch.device(value).type == "cuda", "cpu"
            elif isinstance(value, Tensor):
                on_gpu = _on_gpu(value)
        if kwargs.get("device") is not None:
            on_gpu, kwargs["device"] = torch.device(kwargs["device"]).type == "cuda", "cpu"
    else:
        on_gpu, rest, kwargs = name == "cuda", ["cpu"], {}
    result = tensor.to(*rest, **kwargs)
    if result is tensor and on_gpu is not _on_gpu(tensor):
        result = tensor.clone()
    _mark([result], on_gpu)
    return result


def _on_gpu(tensor: Tensor) -> bool:
    return bool(vars(tensor).get("on_gpu"))


def _mark(values: Iterable[Any], on_gpu: bool) -> None:
    for value in values:
        if isinstance(value, Tensor):
            vars(value)["on_gpu"] = on_gpu


def _returning(value: object) -> Callable[..., Any]:
    return lambda *args, **kwargs: value


def _nothing(self: object) -> None:
    """Replaces a method that inspects CUDA streams."""
