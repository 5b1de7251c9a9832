"""Test doubles of the parts of a DDPM, which record how a student's function calls them.

A double lives in the judge; the worker holds a proxy that forwards each call. An event can be faked in the
worker, but the double's results are drawn here, so checks confirm events by numbers that the worker cannot
know.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.values import CURRENT_DEVICE, Exhausted, Handle, OnCPU, StudentError
from reference.readings import ReadingDiffuser

from .call_arguments import image_and_steps, noise_among
from .conventions import HANDOUT_LAYOUT, ReturnLayout, StepNumbering, with_padding


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """A call of a test double.

    ``kind`` is forward, backward, diffuse, epoch, batch, step, zero_grad, compare, sent back (a backward pass
    starts at the criterion) or missing (an attribute); the other fields are set where they apply.
    """

    kind: str
    name: str = ""  # of the loader, or of the missing attribute
    call: int = -1  # number of the network's forward call
    x: Tensor | None = None
    t: Tensor | None = None  # float (n,), as passed
    form: str = ""  # of t
    output: Tensor | None = None
    image: Tensor | None = None
    target: Tensor | None = None
    training: bool = False
    grad: bool = False
    weight: float = 0.0
    gradient_before: float | None = None
    rate: float | None = None  # learning rate of a step
    dtype: torch.dtype | None = None  # of x, as passed

    def __post_init__(self) -> None:
        """Keep tensors in float32: students compute in any precision, and torch compares within one only."""
        for field in ("x", "output", "image", "target"):
            if (tensor := getattr(self, field)) is not None:
                object.__setattr__(self, field, tensor.float())


class NetworkDouble:
    """A network that returns ``respond(x, t)`` and records its calls.

    Args:
        log: the events are appended here.
        respond: computes the output for images and steps.
        max_images: number of images after which it raises an error, to end an endless loop.
    """

    def __init__(
        self, log: list[RecordedEvent], respond: Callable[[Tensor, Tensor], Tensor], *, max_images: int
    ) -> None:
        self.log, self.respond, self.images_left = log, respond, max_images

    def describe(self) -> dict[str, Any]:
        """Describe a module."""
        return {"kind": "module", "passes_for": ["UNet"]}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return the predicted noise, or record the gradient that came back to it."""
        if event == "backward":
            before = state.get("gradient_before")
            self.log.append(RecordedEvent(kind="backward", call=args[0], x=args[1], gradient_before=before))
            return None
        x, t, form = image_and_steps(args, kwargs)
        self.images_left -= len(x)
        if self.images_left < 0:
            raise StudentError(
                "Endless", "the network is called endlessly, far more often than there are steps"
            )
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


class DiffuserDouble:
    """The reference's forward process under a formulation, in place of the student's diffuser.

    Args:
        log: the events are appended here.
        reference: the forward process.
        fallback: the student's diffuser, for attributes that the handout's does not have.
        generator: draws the noise.
        layout, numbering: the student's conventions, which it follows.
        method: the student's name for ``noise_diffusion``.
        dtypes: those of the x_t and the noise that it returns.
    """

    def __init__(
        self,
        log: list[RecordedEvent],
        reference: ReadingDiffuser,
        fallback: Handle | None,
        generator: torch.Generator,
        *,
        layout: ReturnLayout = HANDOUT_LAYOUT,
        numbering: StepNumbering = StepNumbering(),  # noqa: B008  it is frozen
        method: str = "noise_diffusion",
        dtypes: tuple[torch.dtype, torch.dtype] = (torch.float32, torch.float32),
    ) -> None:
        self.log, self.reference, self.fallback, self.generator = log, reference, fallback, generator
        self.layout, self.numbering, self.method, self.dtypes = layout, numbering, method, dtypes

    def describe(self) -> dict[str, Any]:
        """Describe an object with the handout's attributes."""
        schedule = self.reference
        curves = {"betas": schedule.betas, "alphas": schedule.alphas, "alpha_bar": schedule.alpha_bar}
        attributes = {
            **with_padding(curves, self.numbering.padded),
            "total_steps": schedule.total_steps,
            "start_beta": schedule.betas[0].item(),
            "end_beta": schedule.betas[-1].item(),
            "device": CURRENT_DEVICE,
        }
        methods = sorted({"noise_diffusion", self.method} - {"__call__"})
        return {
            "kind": "object",
            "passes_for": ["NoiseDiffuser"],
            "attributes": attributes,
            "methods": methods,
            "fallback": self.fallback,
        }

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Return x_t and the noise for images and their steps."""
        if event == "missing":
            self.log.append(RecordedEvent(kind="missing", name=str(args[0])))
            return None
        image, steps, form = image_and_steps(args, kwargs)
        whole = (steps - self.numbering.first).round().long().clamp(0, self.reference.total_steps - 1)
        whole = whole[
            torch.arange(len(image)) % whole.numel()
        ]  # a wrong number of steps loses its own points
        own = noise_among(args, kwargs, image)
        noise = torch.randn(image.shape, generator=self.generator) if own is None else own.float()
        x_t, target = self.reference.noise_diffusion(image.float(), whole, noise)
        self.log.append(RecordedEvent(kind="diffuse", image=image, t=steps, form=form, x=x_t, target=target))
        return self.layout.pack(x_t.to(self.dtypes[0]), target.to(self.dtypes[1]))


class LoaderDouble:
    """A loader with a fixed number of batches per epoch.

    Args:
        log: the events are appended here.
        name: "training" or "validation".
        batches: returns images and labels of the n-th batch.
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
        rate = state.get("rate")
        self.log.append(RecordedEvent(kind=event, rate=None if rate is None else float(rate)))


class CriterionDouble:
    """Mean squared error that records what it compares."""

    def __init__(self, log: list[RecordedEvent]) -> None:
        self.log = log

    def describe(self) -> dict[str, Any]:
        """Describe a criterion."""
        return {"kind": "criterion"}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Record the call."""
        if event == "compare":
            self.log.append(RecordedEvent(kind=event, x=args[0], target=args[1], grad=state["grad"]))
        else:
            self.log.append(RecordedEvent(kind="sent back"))


def cosine(first: Tensor, second: Tensor) -> float:
    """Return the cosine of the angle between two tensors; 0 if their shapes differ."""
    if first.shape != second.shape:
        return 0.0
    a, b = first.double().flatten(), second.double().flatten()
    size = (a.norm() * b.norm()).item()
    return (a @ b).item() / size if size > 0 and math.isfinite(size) else 0.0
