"""Test doubles of the objects that training and sampling code is given, which record how it calls them.

A double lives in the judge; the worker holds a proxy that forwards each call. An event can be faked in the
worker, but a double's results are drawn here, so checks confirm events by numbers that the worker cannot
know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.values import Exhausted, OnCPU, Refusal, StudentError


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """A call of a test double.

    ``kind`` is forward, backward, epoch, batch, step, zero_grad, compare, sent back (a backward pass starts
    at the criterion), missing (an attribute), or what a rubric's own double records. The other fields are set
    where they apply.

    Attributes:
        name: of the loader, or of the missing attribute.
        call: number of the network's forward call.
        x: input of the network, or the first argument of the criterion.
        t: the network's second argument, such as a timestep, float (n,), as passed.
        form: form of ``t``.
        output: the network's answer.
        image: inputs of a batch.
        target: second argument of the criterion.
        training, grad: whether the network is in training mode, and gradients are recorded.
        weight: value of the network's only weight, which every optimizer step changes.
        gradient_before: size of the gradient that this weight had before a backward pass.
        rate: learning rate of a step.
        gradient: gradient that the weight had at a step; each backward pass adds 1 to it.
        dtype: of ``x``, as passed.
    """

    kind: str
    name: str = ""
    call: int = -1
    x: Tensor | None = None
    t: Tensor | None = None
    form: str = ""
    output: Tensor | None = None
    image: Tensor | None = None
    target: Tensor | None = None
    training: bool = False
    grad: bool = False
    weight: float = 0.0
    gradient_before: float | None = None
    rate: float | None = None
    gradient: float | None = None
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        """Keep tensors in float32: students compute in any precision, and torch compares within one only."""
        for field in ("x", "output", "image", "target"):
            if (tensor := getattr(self, field)) is not None:
                object.__setattr__(self, field, tensor.float())


class NetworkDouble:
    """A network that returns ``respond(x, t)`` and records its calls.

    Args:
        log: the events are appended here.
        respond: computes the output from the inputs and the second argument.
        read: finds x, t and the form of t among the arguments of a call; it may raise ``Refusal``.
        max_inputs: number of inputs after which it raises an error, to end an endless loop.
        endless: the sentence of that error.
        passes_for: definitions of the notebook that ``isinstance`` takes it for.
        attributes: attributes that the student's code may read.
        loss: "always" if a call returns the output and its cross-entropy with the call's second tensor, None
            without one; "with targets" if so only where there is one.
    """

    def __init__(
        self,
        log: list[RecordedEvent],
        respond: Callable[[Tensor, Tensor], Tensor],
        read: Callable[[Sequence[Any], dict[str, Any]], tuple[Tensor, Tensor, str]],
        *,
        max_inputs: int,
        endless: str = "the network is called endlessly",
        passes_for: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
        loss: str | None = None,
    ) -> None:
        self.log, self.respond, self.read, self.loss = log, respond, read, loss
        self.inputs_left, self.endless, self.passes_for = max_inputs, endless, passes_for
        self.attributes = dict(attributes or {})

    def describe(self) -> dict[str, Any]:
        """Describe a module."""
        return {
            "kind": "module",
            "passes_for": list(self.passes_for),
            "attributes": self.attributes,
            "loss": self.loss,
        }

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return the output, or record the gradient that came back to it."""
        if event == "backward":
            before = state.get("gradient_before")
            self.log.append(RecordedEvent(kind="backward", call=args[0], x=args[1], gradient_before=before))
            return None
        x, t, form = self.read(args, kwargs)
        self.inputs_left -= len(x)
        if self.inputs_left < 0:
            raise StudentError("Endless", self.endless)
        output = self.respond(x, t)
        self.log.append(
            RecordedEvent(
                kind="forward",
                call=state["call"],
                x=x,
                t=t,
                form=form,
                dtype=x.dtype,
                output=output,
                training=state["training"],
                grad=state["grad"],
                weight=float(state["weight"]),
            )
        )
        return output


class LoaderDouble:
    """A loader with a fixed number of batches per epoch.

    Args:
        log: the events are appended here.
        name: "training" or "validation".
        batches: returns inputs and labels of the n-th batch.
        count: batches per epoch.
        epochs: epochs that ``train`` should run; after about three times as many it raises an error, to end
            an endless training.
        go_on: ends the epoch when it returns False.
        labels: whether batches have labels.
        held_out: the loader of the part that is set aside where the data set is split.
    """

    def __init__(
        self,
        log: list[RecordedEvent],
        name: str,
        batches: Callable[[int], tuple[Tensor, Tensor]],
        count: int,
        batch_size: int,
        *,
        epochs: int,
        go_on: Callable[[bool], bool] = lambda _: True,
        labels: bool = True,
        held_out: LoaderDouble | None = None,
    ) -> None:
        self.log, self.name, self.batches, self.count, self.labels = log, name, batches, count, labels
        self.batch_size, self.go_on, self.held_out = batch_size, go_on, held_out
        self.epochs_left = 3 * epochs + 3  # code may also iterate over a loader to look at a batch
        self.handed_out, self.in_epoch = 0, 0
        self.is_dataset = False  # set if the student's function builds a loader of the argument itself
        self._sample: tuple[Tensor, Tensor] | None = None

    def describe(self) -> dict[str, Any]:
        """Describe a loader with its sizes."""
        sizes = {"batches": self.count, "batch_size": self.batch_size, "items": self.count * self.batch_size}
        kind = "dataset" if self.is_dataset else "loader"
        return {"kind": kind, "attributes": sizes, "held_out": self.held_out}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return the next batch, [images, labels] or the images alone, or an item of the dataset."""
        if event == "item":
            self._sample = self._sample or self.batches(0)
            images, labels = self._sample
            image, label = images[args[0] % len(images)], int(labels[args[0] % len(images)])
            return (OnCPU(image), label) if self.labels else OnCPU(image)
        if event == "epoch":
            self.in_epoch = 0
            self.epochs_left -= 1
            if self.epochs_left < 0:
                raise StudentError("Endless", "train does not stop after the number of epochs it was given")
            self.log.append(RecordedEvent(kind="epoch", name=self.name))
            return None
        # Even an epoch that ends early has one batch: a mean over no losses would be an error of our making.
        if self.in_epoch >= self.count or (not self.go_on(state.get("waiting", False)) and self.in_epoch):
            raise Exhausted
        images, labels = self.batches(self.handed_out)
        self.handed_out += 1
        self.in_epoch += 1
        self.log.append(RecordedEvent(kind="batch", name=self.name, image=images))
        return [OnCPU(images), OnCPU(labels)] if self.labels else OnCPU(images)


class OptimizerDouble:
    """Gradient descent on the one weight of a NetworkDouble, which records every call."""

    def __init__(self, log: list[RecordedEvent], network: NetworkDouble, lr: float) -> None:
        self.log, self.network, self.lr = log, network, lr

    def describe(self) -> dict[str, Any]:
        """Describe an optimizer of the network's parameters."""
        return {"kind": "optimizer", "of": self.network, "attributes": {"lr": self.lr}}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Record the call."""
        self.log.append(
            RecordedEvent(kind=event, rate=_number(state, "rate"), gradient=_number(state, "gradient"))
        )


def _number(state: dict[str, Any], name: str) -> float | None:
    value = state.get(name)
    return None if value is None else float(value)


class CriterionDouble:
    """A loss that records what it compares.

    Args:
        log: the events are appended here.
        name: "mse", "l1" or "cross_entropy".
    """

    def __init__(self, log: list[RecordedEvent], name: str = "mse") -> None:
        self.log, self.name = log, name

    def describe(self) -> dict[str, Any]:
        """Describe a criterion."""
        return {"kind": "criterion", "name": self.name}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Record the call."""
        if event == "compare":
            self.log.append(RecordedEvent(kind=event, x=args[0], target=args[1], grad=state["grad"]))
        else:
            self.log.append(RecordedEvent(kind="sent back"))


class FunctionDouble:
    """A function that the judge computes, in place of one of the student's that does not work.

    Arguments that it cannot compute with raise an error in the student's code, as the student's own function
    would.

    Args:
        compute: gets the arguments of the call and returns its result; it has to bound what it computes.
        passes_for: definitions of the notebook that it stands for.
        attributes: attributes that the student's code may read.
    """

    def __init__(
        self,
        compute: Callable[..., Any],
        passes_for: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.compute, self.passes_for, self.attributes = compute, passes_for, dict(attributes or {})

    def describe(self) -> dict[str, Any]:
        """Describe a callable object."""
        return {
            "kind": "object",
            "passes_for": list(self.passes_for),
            "attributes": self.attributes,
            "methods": [],
            "fallback": None,
        }

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return the result of a call."""
        return _computed(self.compute, args, kwargs)


class ModuleDouble(FunctionDouble):
    """A module that the judge computes, in place of one of the student's; no gradient passes through it."""

    def describe(self) -> dict[str, Any]:
        """Describe a module."""
        return {"kind": "module", "passes_for": list(self.passes_for), "attributes": self.attributes}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return the output of a call; a backward pass has no effect."""
        return None if event == "backward" else _computed(self.compute, args, kwargs)


def _computed(compute: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return compute(*args, **kwargs)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise Refusal(type(error).__name__, str(error)) from error
