"""Stand-ins whose behaviour lives in the judge: each call is sent there, and the answer is what the caller
gets.

A student's function is given them in place of a network, a diffuser, a loader or an optimiser, so that the
judge sees what the function asks for, in order, and answers as it sees fit. Kinds: ``module``, ``object``,
``loader``, ``optimizer`` and ``witness`` (a real criterion that reports what it was given to compare).
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import data

Ask = Callable[[int, str, tuple[Any, ...], dict[str, Any], dict[str, Any]], Any]


class _Line:
    """How a stand-in reaches the judge, and what the notebook defines; in one place, so that stand-ins can be
    deep-copied.
    """

    ask: Ask
    names: Mapping[str, Any] = types.MappingProxyType({})


line = _Line()
_calls = itertools.count()  # over all networks: a deep copy of one must not repeat its numbers


def make(description: dict[str, Any], unpack: Callable[[Any], Any]) -> object:
    """The stand-in that a request describes.

    Raises:
        ValueError: no stand-in is of that kind.
    """
    number = description["double"]
    attributes = {name: unpack(value) for name, value in description.get("attributes", {}).items()}
    match description["kind"]:
        case "module":
            return Module(number).to(unpack({"device": True}))
        case "object":
            return Object(number, attributes, description["methods"], unpack(description.get("fallback")))
        case "loader":
            return Loader(number, attributes)
        case "optimizer":
            return Optimizer(number, unpack(description["of"]), attributes["lr"])
        case "witness":
            return Witness(number)
        case kind:
            raise ValueError(f"no stand-in is of kind {kind!r}")


class _Disguised:
    """Passes for an object of the class that it stands in for, wherever code looks with ``isinstance``."""

    def _passes_for(self) -> type:
        raise NotImplementedError

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._passes_for()

    def __reduce__(self) -> Any:  # the usual one refuses objects whose class is not their type
        return _bare, (type(self),), self.__dict__


def _bare(kind: Any) -> Any:
    return kind.__new__(kind)


class _Answer(torch.autograd.Function):
    """Joins the judge's answer to the caller's graph: gradients that reach it are sent back to the judge."""

    @staticmethod
    def forward(ctx: Any, answer: Tensor, weight: Tensor, module: Module, call: int) -> Tensor:
        ctx.module, ctx.call = module, call
        return answer.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None]:
        weight = ctx.module.weight
        state = {"gradient_before": None if weight.grad is None else float(weight.grad.detach().sum())}
        line.ask(ctx.module.number, "backward", (ctx.call, gradients[0]), {}, state)
        return None, torch.ones_like(weight), None, None


class Module(_Disguised, nn.Module):
    """A network whose output the judge gives. Its one weight receives a gradient of exactly 1 per backward
    pass.
    """

    def _passes_for(self) -> type:
        network = line.names.get("UNet")
        return network if isinstance(network, type) and issubclass(network, nn.Module) else Module

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        call = next(_calls)
        state = {
            "call": call,
            "training": self.training,
            "grad": torch.is_grad_enabled(),
            "weight": float(self.weight.detach()),
        }
        answer: Tensor = line.ask(self.number, "forward", args, kwargs, state)
        if not torch.is_grad_enabled():
            return answer
        joined: Tensor = _Answer.apply(answer, self.weight, self, call)
        return joined


class Object(_Disguised):
    """An object with given attributes and remote methods; ``fallback``, the student's own, is asked for what
    it lacks, and has the tensors in the containers that they are to be in.
    """

    def __init__(self, number: int, attributes: dict[str, Any], methods: list[str], fallback: object) -> None:
        for name, value in attributes.items():
            theirs = None
            with contextlib.suppress(Exception):  # a property may raise anything
                theirs = getattr(fallback, name, None)
            self.__dict__[name] = _held_alike(value, theirs)
        self.__dict__["_stand_in"] = (number, fallback)
        for name in methods:
            self.__dict__[name] = _Method(number, name)

    def _passes_for(self) -> type:
        _, fallback = self.__dict__.get("_stand_in", (None, None))
        return Object if fallback is None else type(fallback)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return line.ask(self.__dict__["_stand_in"][0], "call", args, kwargs, {})

    def __getattr__(self, name: str) -> Any:
        number, fallback = self.__dict__.get("_stand_in", (None, None))
        if number is None or name.startswith("__"):
            raise AttributeError(name)
        if fallback is None or not hasattr(fallback, name):
            raise AttributeError(f"this diffuser has no attribute {name!r}")
        line.ask(number, "missing", (name,), {}, {})
        return getattr(fallback, name)


def _held_alike(value: Any, theirs: Any) -> Any:
    """A tensor in the shape, the type or the other container that a student's own value has; where that is a
    method, it is used.
    """
    if not isinstance(value, Tensor):
        return value
    if isinstance(theirs, types.MethodType):
        return theirs
    if type(theirs) in (list, tuple) and theirs:
        items = value.unbind() if isinstance(theirs[0], Tensor) else value.tolist()
        return type(theirs)(items)
    kind = getattr(theirs, "dtype", None)
    if isinstance(theirs, Tensor) and theirs.is_floating_point():
        value = value.to(theirs)
    elif type(theirs).__module__ == "numpy" and getattr(kind, "kind", "") == "f":
        value = value.cpu().numpy().astype(kind)
    else:
        return value
    return value.reshape(theirs.shape) if math.prod(theirs.shape) == len(value) else value


class _Method:
    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return line.ask(self._number, self._name, args, kwargs, {"grad": torch.is_grad_enabled()})


class Exhausted(Exception):
    """The judge has no further batch in this epoch."""


class Loader(_Disguised):
    """Batches that the judge hands out one by one, as ``torch.utils.data.DataLoader`` would."""

    num_workers, timeout = 0, 0
    drop_last = pin_memory = persistent_workers = False
    batch_sampler = generator = worker_init_fn = prefetch_factor = multiprocessing_context = None
    collate_fn = staticmethod(data.default_collate)

    def __init__(self, number: int, attributes: dict[str, Any]) -> None:
        self.number = number
        self.batches: int = attributes["batches"]
        self.batch_size: int = attributes["batch_size"]
        self.dataset = _Dataset(number, attributes["items"])
        self.sampler = data.RandomSampler(self.dataset)

    def _passes_for(self) -> type:
        return data.DataLoader

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Any]:
        line.ask(self.number, "epoch", (), {}, {})
        while True:
            # Whoever fetches batches in a thread of their own may be computing meanwhile.
            waiting = threading.current_thread() is threading.main_thread()
            try:
                batch = line.ask(self.number, "batch", (), {}, {"waiting": waiting})
            except Exhausted:
                return
            yield batch


class _Dataset(data.Dataset[Any]):
    def __init__(self, number: int, items: int) -> None:
        self.number, self.items = number, items

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, item: int) -> Any:
        if not -self.items <= item < self.items:
            raise IndexError(f"there are {self.items} images")
        return line.ask(self.number, "item", (int(item),), {}, {})


_SEEN = 1e-3  # the least rate: a schedule may begin or end at zero, and the step was made all the same


class Optimizer(torch.optim.Optimizer):
    """Plain gradient descent that tells the judge of every step; a real optimiser, as schedulers demand, with
    the settings of Adam, which they look for.
    """

    def __init__(self, number: int, module: nn.Module, lr: float) -> None:
        self.number = number
        adams = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}
        super().__init__(module.parameters(), {"lr": lr, **adams})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        line.ask(self.number, "step", (), {}, {})
        with torch.no_grad():
            for group in self.param_groups:
                rate = max(float(group["lr"]), _SEEN)
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter -= rate * parameter.grad
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        line.ask(self.number, "zero_grad", (), {}, {})
        super().zero_grad(set_to_none)


class Witness(nn.MSELoss):
    """Mean squared error that tells the judge what it compares, and when its result is sent back."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        line.ask(self.number, "compare", (input, target), {}, {"grad": torch.is_grad_enabled()})
        loss = super().forward(input, target)
        if not torch.is_grad_enabled():
            return loss
        if not loss.requires_grad:
            # It would end the training at its first backward pass, and with it all other evidence. That no
            # gradient comes to the network shows that the prediction is detached.
            loss.requires_grad_()
        loss.register_hook(self._sent_back)  # type: ignore[no-untyped-call]
        return loss

    def _sent_back(self, gradient: Tensor) -> None:
        line.ask(self.number, "sent back", (), {}, {})
