"""Stand-ins for the parts of a DDPM: a student's function is run on them, and what it asks of them is the
evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.sandbox.values import CURRENT_DEVICE, Exhausted, Handle, OnCPU, Refusal, StudentError
from reference.readings import ReadingDiffuser

from .conventions import HANDOUTS, ReturnLayout, StepNumbering, form_of, with_padding

_NOISE = frozenset({"noise", "eps", "epsilon", "e", "z"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """Something that a stand-in was asked, in the order it happened.

    ``kind`` is forward, backward, diffuse, epoch, batch, step, zero_grad, compare, sent back (a backward pass
    began at the criterion) or missing; the other fields are set where they have a meaning.
    """

    kind: str
    who: str = ""  # which loader
    call: int = -1  # of the network: number of the forward call
    x: Tensor | None = None
    t: Tensor | None = None  # float (n,), as it was given
    form: str = ""  # in which t was given
    answer: Tensor | None = None
    image: Tensor | None = None
    target: Tensor | None = None
    training: bool = False
    grad: bool = False
    weight: float = 0.0
    gradient_before: float | None = None


def image_and_steps(args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Tensor, Tensor, str]:
    """The image, (B, C, H, W), the steps, float (n,), that a call was given, and in which form these were.

    Raises:
        Refusal: one of them is not there; the student's code gets a TypeError that says so.
    """
    given = _in_order(args, kwargs)
    images = [
        value for value in given if isinstance(value, Tensor) and value.ndim >= 3 and value.shape[-1] > 1
    ]
    if not images:
        raise Refusal("TypeError", "the network was called without an image of shape (B, C, H, W)")
    alike = [value for value in images[1:] if value.shape == images[0].shape]  # noise rather than a step
    others = [value for value in given if not any(value is one for one in (images[0], *alike))]
    steps = [(step, form_of(value)) for value in (*others, *alike) if (step := _steps(value)) is not None]
    if not steps:
        raise Refusal("TypeError", "the network was called without the step t")
    return images[0], *steps[0]


def noise_among(args: Sequence[Any], kwargs: dict[str, Any], image: Tensor) -> Tensor | None:
    """The noise that ``noise_diffusion`` was given to use, as many signatures let it be; None if none was."""
    given = _in_order(args, kwargs)
    alike = [value for value in given if isinstance(value, Tensor) and value.shape == image.shape]
    return next((value for value in alike if value is not image), None)


def _in_order(args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """What a call was given: noise that is given by name comes after the image."""
    return [*args, *(kwargs[name] for name in sorted(kwargs, key=_NOISE.__contains__))]


def _steps(value: Any) -> Tensor | None:
    if isinstance(value, bool | str) or value is None:
        return None
    if isinstance(value, Tensor):
        return value.double().flatten()
    if isinstance(value, int | float):
        return torch.tensor([float(value)], dtype=torch.float64)
    if isinstance(value, list | tuple) and value and all(isinstance(item, int | float) for item in value):
        return torch.tensor([float(item) for item in value], dtype=torch.float64)
    return None


class NetworkDouble:
    """A network that answers what ``respond`` says, and records what it was asked.

    Args:
        most: how many images it answers at all; whoever asks for more would go on for ever.
    """

    def __init__(
        self, log: list[RecordedEvent], respond: Callable[[Tensor, Tensor], Tensor], *, most: int
    ) -> None:
        self.log, self.respond, self.images_left = log, respond, most

    def describe(self) -> dict[str, Any]:
        """A module."""
        return {"kind": "module"}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """The noise that the network is to have found."""
        if event == "backward":
            before = state.get("gradient_before")
            self.log.append(RecordedEvent(kind="backward", call=args[0], x=args[1], gradient_before=before))
            return None
        x, t, form = image_and_steps(args, kwargs)
        self.images_left -= len(x)
        if self.images_left < 0:
            raise StudentError("Endless", "the network is asked on and on, far beyond the number of steps")
        answer = self.respond(x, t)
        self.log.append(
            RecordedEvent(
                kind="forward",
                call=state["call"],
                x=x,
                t=t,
                form=form,
                answer=answer,
                training=state["training"],
                grad=state["grad"],
                weight=float(state["weight"]),
            )
        )
        return answer


class DiffuserDouble:
    """The reference's forward process, under a reading, in place of the student's; unknown attributes are
    theirs.
    """

    def __init__(
        self,
        log: list[RecordedEvent],
        reference: ReadingDiffuser,
        fallback: Handle | None,
        generator: torch.Generator,
        *,
        answers: ReturnLayout = HANDOUTS,
        numbering: StepNumbering = StepNumbering(),  # noqa: B008  it is frozen
        method: str = "noise_diffusion",
    ) -> None:
        self.log, self.reference, self.fallback, self.generator = log, reference, fallback, generator
        self.answers, self.numbering, self.method = answers, numbering, method

    def describe(self) -> dict[str, Any]:
        """An object with the handout's attributes."""
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
        return {"kind": "object", "attributes": attributes, "methods": methods, "fallback": self.fallback}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """x_t and the noise, for an image and its steps."""
        if event == "missing":
            self.log.append(RecordedEvent(kind="missing", who=str(args[0])))
            return None
        image, steps, form = image_and_steps(args, kwargs)
        whole = (steps - self.numbering.first).round().long().clamp(0, self.reference.total_steps - 1)
        if not whole.numel():
            raise Refusal("ValueError", f"no steps were given for {len(image)} images")
        whole = whole[torch.arange(len(image)) % whole.numel()]  # too few or too many are charged as such
        own = noise_among(args, kwargs, image)
        noise = torch.randn(image.shape, generator=self.generator) if own is None else own.float()
        x_t, target = self.reference.noise_diffusion(image.float(), whole, noise)
        self.log.append(RecordedEvent(kind="diffuse", image=image, t=steps, form=form, x=x_t, target=target))
        return self.answers.pack(x_t, target)


class LoaderDouble:
    """Batches from a list, for as long as ``go_on`` says; an endless training is ended."""

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
    ) -> None:
        self.log, self.name, self.batches, self.count, self.labels = log, name, batches, count, labels
        self.batch_size, self.go_on = batch_size, go_on
        self.epochs_left = 3 * epochs + 3  # looking into a loader now and then is nothing unusual
        self.handed_out, self.in_epoch = 0, 0
        self._sample: tuple[Tensor, Tensor] | None = None

    def describe(self) -> dict[str, Any]:
        """A loader with as many batches as an epoch has."""
        sizes = {"batches": self.count, "batch_size": self.batch_size, "items": self.count * self.batch_size}
        return {"kind": "loader", "attributes": sizes}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """The next batch, [images, labels], or the images alone; one of its images for who looks into the
        dataset.
        """
        if event == "item":
            self._sample = self._sample or self.batches(0)
            images, labels = self._sample
            image, label = images[args[0] % len(images)], int(labels[args[0] % len(images)])
            return (OnCPU(image), label) if self.labels else OnCPU(image)
        if event == "epoch":
            self.in_epoch = 0
            self.epochs_left -= 1
            if self.epochs_left < 0:
                raise StudentError(
                    "Endless", "train goes on and on, beyond the number of epochs it was given"
                )
            self.log.append(RecordedEvent(kind="epoch", who=self.name))
            return None
        # Even when it is enough an epoch has one batch: a mean over none would be an error of our making.
        if self.in_epoch >= self.count or (not self.go_on(state.get("waiting", False)) and self.in_epoch):
            raise Exhausted
        images, labels = self.batches(self.handed_out)
        self.handed_out += 1
        self.in_epoch += 1
        self.log.append(RecordedEvent(kind="batch", who=self.name, image=images))
        return [OnCPU(images), OnCPU(labels)] if self.labels else OnCPU(images)


class OptimizerDouble:
    """Gradient descent on a NetworkDouble's one weight, telling of every step."""

    def __init__(self, log: list[RecordedEvent], network: NetworkDouble, lr: float) -> None:
        self.log, self.network, self.lr = log, network, lr

    def describe(self) -> dict[str, Any]:
        """An optimiser over the network's parameters."""
        return {"kind": "optimizer", "of": self.network, "attributes": {"lr": self.lr}}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Nothing: it is only recorded."""
        self.log.append(RecordedEvent(kind=event))


class CriterionDouble:
    """Mean squared error that tells what it was given to compare."""

    def __init__(self, log: list[RecordedEvent]) -> None:
        self.log = log

    def describe(self) -> dict[str, Any]:
        """A criterion."""
        return {"kind": "witness"}

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Nothing: it is only recorded."""
        if event == "compare":
            self.log.append(RecordedEvent(kind=event, x=args[0], target=args[1], grad=state["grad"]))
        else:
            self.log.append(RecordedEvent(kind="sent back"))


def cosine(first: Tensor, second: Tensor) -> float:
    """How alike two tensors point, -1 to 1; 0 where their shapes differ."""
    if first.shape != second.shape:
        return 0.0
    a, b = first.double().flatten(), second.double().flatten()
    size = (a.norm() * b.norm()).item()
    return (a @ b).item() / size if size > 0 and math.isfinite(size) else 0.0
