"""Test doubles of the parts of a DDPM: a network that takes images and timesteps, and a diffuser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.probes.doubles import NetworkDouble as AnyNetworkDouble
from grader.probes.doubles import RecordedEvent
from grader.sandbox.values import CURRENT_DEVICE, Handle
from reference.readings import ReadingDiffuser

from .call_arguments import image_and_steps, noise_among
from .conventions import HANDOUT_LAYOUT, ReturnLayout, StepNumbering, with_padding


class NetworkDouble(AnyNetworkDouble):
    """A network that returns ``respond(x, t)`` for images and steps, and records its calls.

    Args:
        log: the events are appended here.
        respond: computes the output for images and steps.
        max_images: number of images after which it raises an error, to end an endless loop.
    """

    def __init__(
        self, log: list[RecordedEvent], respond: Callable[[Tensor, Tensor], Tensor], *, max_images: int
    ) -> None:
        super().__init__(
            log,
            respond,
            image_and_steps,
            max_inputs=max_images,
            endless="the network is called endlessly, far more often than there are steps",
            passes_for=["UNet"],
        )


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
        self.log.append(
            RecordedEvent(kind="diffuse", image=image, t=steps, form=form, x=x_t, target=target, output=own)
        )
        return self.layout.pack(x_t.to(self.dtypes[0]), target.to(self.dtypes[1]))
