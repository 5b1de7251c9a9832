"""Doubles for a training loop: loader, optimizer and criterion, whose use the judge records.

Where a double can be an instance of PyTorch's own class, it is one, so that its type does not tell it from
the objects of a notebook.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import data

from .base import Impersonator, judge


class Exhausted(Exception):
    """The judge has no further batch in this epoch."""


def loader(number: int, attributes: dict[str, Any], held_out: Any = None) -> data.DataLoader[Any]:
    """Return a DataLoader whose batches come from the judge, one by one.

    Args:
        held_out: loader or data set that takes the place of the smaller part where the data set is split.
    """
    images = _Dataset(number, attributes["items"])
    order = _Order(images, attributes["batch_size"])
    # With a generator of its own it leaves the student's random numbers alone.
    made = data.DataLoader(images, attributes["batch_size"], sampler=order, generator=torch.Generator())
    _set_loaders(images, attributes, held_out)
    return made


def dataset(number: int, attributes: dict[str, Any], held_out: Any = None) -> data.Dataset[Any]:
    """Return a data set; a DataLoader that the student's code builds of it is our ``Loader``.

    Args:
        held_out: as for ``loader``.
    """
    images = _Dataset(number, attributes["items"])
    _set_loaders(images, attributes, held_out)
    return images


def _set_loaders(images: _Dataset, attributes: dict[str, Any], held_out: Any) -> None:
    images.loader = Loader(images, attributes["batches"], attributes["batch_size"])
    images.held_out = getattr(getattr(held_out, "dataset", held_out), "loader", None)
    data.DataLoader.__new__ = staticmethod(_new_loader)  # type: ignore[assignment]


class Loader(Impersonator):
    """A DataLoader that the student's code builds of a data set of ours; its batches are the judge's."""

    num_workers, timeout = 0, 0
    drop_last = pin_memory = persistent_workers = False
    batch_sampler = generator = worker_init_fn = prefetch_factor = multiprocessing_context = None
    collate_fn = staticmethod(data.default_collate)

    def __init__(self, images: _Dataset, batches: int, batch_size: int) -> None:
        self.number, self.batches, self.batch_size = images.number, batches, batch_size
        self.dataset = images
        self.sampler = data.RandomSampler(images)

    def _impersonated(self) -> type:
        return data.DataLoader

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Any]:
        return _batches(self.number)


def _batches(number: int) -> Iterator[Any]:
    """Yield the judge's batches of one epoch."""
    judge.callback(number, "epoch", (), {}, {})
    while True:
        # In the main thread, training waits while the judge answers. A prefetching thread may overlap with a
        # training step, so the judge must not probe the network then.
        waiting = threading.current_thread() is threading.main_thread()
        try:
            batch = judge.callback(number, "batch", (), {}, {"waiting": waiting})
        except Exhausted:
            return
        yield batch


class _Place(int):
    """The place of an image in the judge's current batch, unlike an index into the data set."""


class _Order(data.RandomSampler):
    """The order of a DataLoader whose batches come from the judge: all places of a batch, batch by batch."""

    def __init__(self, images: _Dataset, batch_size: int) -> None:
        super().__init__(images)
        self._images, self._batch_size = images, batch_size

    def __iter__(self) -> Iterator[int]:
        for batch in _batches(self._images.number):
            self._images.current = batch
            yield from map(_Place, range(self._batch_size))


class _Dataset(data.Dataset[Any]):
    def __init__(self, number: int, items: int) -> None:
        self.number, self.items = number, items
        self.loader: Loader | None = None  # in place of every DataLoader that is built of it
        self.held_out: Loader | None = None  # in place of one that is built of less than half of it
        self.current: Any = None  # the judge's batch that is handed out next: [images, labels], or images

    def __getitems__(self, items: Sequence[int]) -> list[Any]:
        """Return several items; a DataLoader asks for a whole batch like this, and collates them."""
        if items and all(isinstance(item, _Place) for item in items):
            batch = self.current
            return list(batch) if isinstance(batch, torch.Tensor) else list(zip(*batch, strict=True))
        return [self[item] for item in items]

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, item: int) -> Any:
        if not -self.items <= item < self.items:
            raise IndexError(f"index {item} is out of range for {self.items} images")
        return judge.callback(self.number, "item", (int(item),), {}, {})


def _new_loader(kind: Any, *args: Any, **kwargs: Any) -> Any:
    """Return our ``Loader`` for our data set or a part of it, which is not initialised as a DataLoader."""
    given = whole = args[0] if args else kwargs.get("dataset")
    while type(whole) is data.Subset:
        whole = whole.dataset
    if type(whole) is not _Dataset or whole.loader is None:
        return object.__new__(kind)
    is_smaller = given is not None and 2 * len(given) < len(whole)
    return whole.held_out if whole.held_out and is_smaller else whole.loader


# A schedule may start or end at a learning rate of zero; the step must still show in the weight.
_MIN_RATE = 1e-3


def optimizer(number: int, module: nn.Module, lr: float) -> torch.optim.Adam:
    """Return an Adam optimizer that takes steps of plain gradient descent, and reports each to the judge.

    Learning rate schedulers require a real optimizer, and some of them read Adam's settings.
    """
    made = torch.optim.Adam(module.parameters(), lr=lr)

    def step(self: torch.optim.Optimizer, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        rates = [float(group["lr"]) for group in self.param_groups]
        gradients = [
            float(parameter.grad.detach().sum())
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        state = {"rate": max(rates, default=0.0), "gradient": sum(gradients)}
        judge.callback(number, "step", (), {}, state)
        with torch.no_grad():
            for group in self.param_groups:
                rate = max(float(group["lr"]), _MIN_RATE)
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter -= rate * parameter.grad
        return loss

    def zero_grad(self: torch.optim.Optimizer, set_to_none: bool = True) -> None:
        judge.callback(number, "zero_grad", (), {}, {})
        torch.optim.Adam.zero_grad(self, set_to_none)

    made.step, made.zero_grad = MethodType(step, made), MethodType(zero_grad, made)  # type: ignore[method-assign]
    return made


# Bound before student code can replace them.
_CRITERIA: dict[str, type[nn.Module]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "cross_entropy": nn.CrossEntropyLoss,
}


def criterion(number: int, name: str) -> nn.Module:
    """Return a loss that reports what it compares, and when its result is backpropagated.

    Args:
        name: "mse", "l1" or "cross_entropy".
    """
    made = _CRITERIA[name]()
    compute = type(made).forward

    def forward(self: nn.Module, input: Tensor, target: Tensor) -> Tensor:
        judge.callback(number, "compare", (input, target), {}, {"grad": torch.is_grad_enabled()})
        loss: Tensor = compute(self, input, target)
        if not torch.is_grad_enabled():
            return loss
        if not loss.requires_grad:
            # The prediction is detached. Backward would raise and end the run, losing all further evidence;
            # the judge sees the mistake anyway, since no gradient reaches the network.
            loss.requires_grad_()
        loss.register_hook(lambda _: judge.callback(number, "sent back", (), {}, {}))  # type: ignore[no-untyped-call]
        return loss

    made.forward = MethodType(forward, made)
    return made
