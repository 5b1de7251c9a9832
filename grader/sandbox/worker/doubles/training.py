"""Doubles for a training loop: loader, optimizer and criterion, whose use the judge records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import data

from .base import Impersonator, judge


class Exhausted(Exception):
    """The judge has no further batch in this epoch."""


class Loader(Impersonator):
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
        self.loader: Loader | None = None  # in place of every DataLoader that is built of it

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, item: int) -> Any:
        if not -self.items <= item < self.items:
            raise IndexError(f"index {item} is out of range for {self.items} images")
        return judge.callback(self.number, "item", (int(item),), {}, {})


def dataset(number: int, attributes: dict[str, Any]) -> data.Dataset[Any]:
    """Return a data set; a DataLoader that the student's code builds of it is our ``Loader``."""
    loader = Loader(number, attributes)
    loader.dataset.loader = loader
    data.DataLoader.__new__ = staticmethod(_new_loader)  # type: ignore[assignment]
    return loader.dataset


def _new_loader(kind: Any, *args: Any, **kwargs: Any) -> Any:
    given = args[0] if args else kwargs.get("dataset")
    # What is no DataLoader by type is not initialised as one.
    return (
        getattr(given, "loader", None) if type(given) is _Dataset and given.loader else object.__new__(kind)
    )


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
        rates = [float(group["lr"]) for group in self.param_groups]
        judge.callback(self.number, "step", (), {}, {"rate": max(rates, default=0.0)})
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
