"""Test doubles that are played by the judge: each call is sent there, and the caller gets its answer.

A student's function runs on doubles of its network, helper objects, loaders, optimizer and criterion. The
judge records what the function does with them, in order, and decides what they answer. The kinds are
``module``, ``object``, ``loader``, ``optimizer`` and ``criterion``.

A module double is differentiable. Its answer enters the caller's autograd graph through ``_Answer``, whose
backward pass sends the gradient to the judge. There, a real network can be trained with it that never
leaves the judge.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import data

Callback = Callable[[int, str, tuple[Any, ...], dict[str, Any], dict[str, Any]], Any]


class _Judge:
    """Connection to the judge, and lookup of the notebook's definitions.

    Both are kept here rather than in the doubles, so that doubles can be deep-copied and pickled.
    """

    callback: Callback
    definition: Callable[[str], object]


judge = _Judge()
_calls = itertools.count()  # over all networks: a deep copy must not repeat the numbers of the original


def make(description: dict[str, Any], decode: Callable[[Any], Any]) -> object:
    """Build the double that a request describes.

    Args:
        description: its "kind", its number as "double", and what the kind needs. ``passes_for`` lists names
            of definitions in the notebook; ``isinstance`` takes a module or object for an instance of the
            first that is a class.
        decode: turns the protocol's values into Python values.

    Raises:
        ValueError: there is no double of that kind.
    """
    number = description["double"]
    attributes = {name: decode(value) for name, value in description.get("attributes", {}).items()}
    passes_for = tuple(description.get("passes_for", ()))
    match description["kind"]:
        case "module":
            return Module(number, passes_for).to(decode({"device": True}))
        case "object":
            fallback = decode(description.get("fallback"))
            return Object(number, attributes, description["methods"], fallback, passes_for)
        case "loader":
            return Loader(number, attributes)
        case "optimizer":
            return Optimizer(number, decode(description["of"]), attributes["lr"])
        case "criterion":
            return Witness(number)
        case kind:
            raise ValueError(f"there is no test double of kind {kind!r}")


class _Impersonator:
    """Base of doubles that ``isinstance`` takes for another class.

    ``isinstance(x, C)`` accepts an object whose ``__class__`` is C even if its type is not. The type itself
    stays ours, so none of C's code runs.
    """

    def _impersonated(self) -> type:
        raise NotImplementedError

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._impersonated()

    def __reduce__(self) -> Any:  # the default refuses objects whose __class__ is not their type
        return _bare, (type(self),), self.__dict__


def _bare(kind: Any) -> Any:
    return kind.__new__(kind)


def _defined_class(names: Sequence[str], base: type = object) -> type | None:
    """Return the first of these definitions that is a class derived from ``base``."""
    for name in names:
        with contextlib.suppress(Exception):  # it is not defined, or a student's __getattr__ failed
            found = judge.definition(name)
            if isinstance(found, type) and issubclass(found, base):
                return found
    return None


class _Answer(torch.autograd.Function):
    """Joins the judge's answer to the caller's graph, and relays the gradient that arrives back at it.

    ``weight`` takes part so that the output requires grad: autograd runs ``backward`` only where a leaf needs
    a gradient.
    """

    @staticmethod
    def forward(ctx: Any, answer: Tensor, weight: Tensor, module: Module, call: int) -> Tensor:
        ctx.module, ctx.call = module, call
        return answer.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None]:
        weight = ctx.module.weight
        # The gradient that has accumulated so far: zero or None after zero_grad, as the judge can check.
        state = {"gradient_before": None if weight.grad is None else float(weight.grad.detach().sum())}
        judge.callback(ctx.module.number, "backward", (ctx.call, gradients[0]), {}, state)
        return None, torch.ones_like(weight), None, None


class Module(_Impersonator, nn.Module):
    """A network whose output comes from the judge.

    Its only parameter receives a gradient of exactly 1 per backward pass, so that its value and its gradient
    count optimizer steps and backward passes.
    """

    def __init__(self, number: int, passes_for: tuple[str, ...]) -> None:
        super().__init__()
        self.number, self.passes_for = number, passes_for
        self.weight = nn.Parameter(torch.ones(1))

    def _impersonated(self) -> type:
        # nn.Module looks at __class__ while it is being constructed or copied, before there are attributes.
        return _defined_class(vars(self).get("passes_for", ()), nn.Module) or Module

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        call = next(_calls)
        state = {
            "call": call,
            "training": self.training,
            "grad": torch.is_grad_enabled(),
            "weight": float(self.weight.detach()),
        }
        answer: Tensor = judge.callback(self.number, "forward", args, kwargs, state)
        if not torch.is_grad_enabled():
            return answer
        joined: Tensor = _Answer.apply(answer, self.weight, self, call)
        return joined


class Object(_Impersonator):
    """An object with given attributes, and methods that are answered by the judge.

    ``fallback``, an object of the student's, supplies attributes that the double lacks; each such access is
    reported to the judge. Given tensors take the form that the fallback's attribute of the same name has.
    """

    def __init__(
        self,
        number: int,
        attributes: dict[str, Any],
        methods: list[str],
        fallback: object,
        passes_for: tuple[str, ...],
    ) -> None:
        for name, value in attributes.items():
            own = None
            with contextlib.suppress(Exception):  # a property may raise anything
                own = getattr(fallback, name, None)
            self.__dict__[name] = _in_form_of(own, value)
        self.__dict__["_double"] = (number, fallback, passes_for)
        for name in methods:
            self.__dict__[name] = _Method(number, name)

    def _impersonated(self) -> type:
        # A copy has no attributes yet when __class__ is first read.
        _, fallback, passes_for = self.__dict__.get("_double", (None, None, ()))
        if fallback is not None:
            return type(fallback)
        found = _defined_class(passes_for)
        # Taken for an nn.Module, it would be searched for parameters that it does not have.
        return Object if found is None or issubclass(found, nn.Module) else found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return judge.callback(self.__dict__["_double"][0], "call", args, kwargs, {})

    def __getattr__(self, name: str) -> Any:
        number, fallback, passes_for = self.__dict__.get("_double", (None, None, ()))
        if number is None or name.startswith("__"):
            raise AttributeError(name)
        if fallback is None or not hasattr(fallback, name):
            kind = type(fallback).__name__ if fallback is not None else next(iter(passes_for), "object")
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        judge.callback(number, "missing", (name,), {}, {})
        return getattr(fallback, name)


def _in_form_of(own: Any, value: Any) -> Any:
    """Return a tensor in the container, type and shape of the student's own attribute.

    A method is returned as it is. Anything else, such as a tensor of integers, leaves the value unchanged.
    """
    if not isinstance(value, Tensor):
        return value
    if isinstance(own, types.MethodType):
        return own
    if type(own) in (list, tuple) and own:
        items = value.unbind() if isinstance(own[0], Tensor) else value.tolist()
        return type(own)(items)
    dtype = getattr(own, "dtype", None)
    if isinstance(own, Tensor) and own.is_floating_point():
        value = value.to(own)
    elif type(own).__module__ == "numpy" and getattr(dtype, "kind", "") == "f":
        value = value.cpu().numpy().astype(dtype)
    else:
        return value
    return value.reshape(own.shape) if math.prod(own.shape) == len(value) else value


class _Method:
    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return judge.callback(self._number, self._name, args, kwargs, {"grad": torch.is_grad_enabled()})


class Exhausted(Exception):
    """The judge has no further batch in this epoch."""


class Loader(_Impersonator):
    """A ``torch.utils.data.DataLoader`` whose batches come from the judge, one by one."""

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

    def _impersonated(self) -> type:
        return data.DataLoader

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Any]:
        judge.callback(self.number, "epoch", (), {}, {})
        while True:
            # In the main thread, training waits while the judge answers. A prefetching thread may overlap
            # with a training step, so the judge must not probe the network then.
            waiting = threading.current_thread() is threading.main_thread()
            try:
                batch = judge.callback(self.number, "batch", (), {}, {"waiting": waiting})
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
            raise IndexError(f"index {item} is out of range for {self.items} images")
        return judge.callback(self.number, "item", (int(item),), {}, {})


# A schedule may start or end at a learning rate of zero; the step must still show in the weight.
_MIN_RATE = 1e-3


class Optimizer(torch.optim.Optimizer):
    """Plain gradient descent that reports every step to the judge.

    Learning rate schedulers require a real ``torch.optim.Optimizer``, and some of them read Adam's settings.
    """

    def __init__(self, number: int, module: nn.Module, lr: float) -> None:
        self.number = number
        adam = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}
        super().__init__(module.parameters(), {"lr": lr, **adam})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        judge.callback(self.number, "step", (), {}, {})
        with torch.no_grad():
            for group in self.param_groups:
                rate = max(float(group["lr"]), _MIN_RATE)
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter -= rate * parameter.grad
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        judge.callback(self.number, "zero_grad", (), {}, {})
        super().zero_grad(set_to_none)


class Witness(nn.MSELoss):
    """A mean squared error that reports what it compares, and when its result is backpropagated."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        judge.callback(self.number, "compare", (input, target), {}, {"grad": torch.is_grad_enabled()})
        loss = super().forward(input, target)
        if not torch.is_grad_enabled():
            return loss
        if not loss.requires_grad:
            # The prediction is detached. Backward would raise and end the run, losing all further evidence;
            # the judge sees the mistake anyway, since no gradient reaches the network.
            loss.requires_grad_()
        loss.register_hook(self._on_backward)  # type: ignore[no-untyped-call]
        return loss

    def _on_backward(self, gradient: Tensor) -> None:
        judge.callback(self.number, "sent back", (), {}, {})
