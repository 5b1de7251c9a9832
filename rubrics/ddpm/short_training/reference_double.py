"""The reference's network, trained in the judge by a student's ``train`` in the worker."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from grader.checks.randomness import seeded_globally
from reference.unet import UNet

from ..interface.doubles import NetworkDouble, OptimizerDouble


class ReferenceNetworkDouble(NetworkDouble):
    """The reference's network as a stand-in, moved here by the gradients that ``train`` sends back."""

    def __init__(self, lr: float, seed: int) -> None:
        super().__init__([], lambda x, t: x, max_images=sys.maxsize)  # the loaders come to an end
        with seeded_globally(seed):
            self.network = UNet(1, 1)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=lr)
        self.outputs: dict[int, Tensor] = {}
        self.respond = self._respond

    def _respond(self, x: Tensor, t: Tensor) -> Tensor:
        steps = (t.expand(len(x)) if t.numel() == 1 else t).float().view(-1, 1)
        output: Tensor = self.network(x.float(), steps)
        self.last = output
        return output.detach()

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Forward in the judge; backward from the gradient that came back."""
        if event == "backward":
            output = self.outputs.pop(args[0], None)
            if not state.get("gradient_before"):
                self.optimizer.zero_grad()
            if output is not None:
                output.backward(args[1].float())  # type: ignore[no-untyped-call]
            return None
        self.network.train(state["training"])
        with torch.set_grad_enabled(state["grad"]):
            answer = super().answer(event, args, kwargs, state)
        self.log.clear()
        self.outputs = {state["call"]: self.last} if state["grad"] else {}
        return answer

    def predict(self, x: Tensor, steps: Tensor) -> Tensor:
        """The network in eval mode."""
        self.network.eval()
        with torch.no_grad():
            predicted: Tensor = self.network(x, steps.float().view(-1, 1))
        return predicted


class ReferenceOptimizerDouble(OptimizerDouble):
    """Adam on the reference's network, stepped by the student's ``train``."""

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """One step of Adam; clearing is seen from the stand-in's own gradient."""
        network = self.network
        if event == "step" and isinstance(network, ReferenceNetworkDouble):
            network.optimizer.step()
