"""The reference network as a test double that a student's ``train`` trains.

The network and its Adam stay in the judge. The worker gets a double whose outputs are the reference's; the
gradient that comes back to an output is backpropagated here, and a step of the double's optimizer is a step
of Adam here.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from grader.checks.randomness import seeded_globally
from grader.probes.doubles import OptimizerDouble
from grader.sandbox.values import Refusal

from ..edition import UNet
from ..interface.doubles import NetworkDouble


class ReferenceNetworkDouble(NetworkDouble):
    """The reference network, trained by the gradients that ``train`` sends back.

    Args:
        lr: learning rate of Adam.
        seed: seed of the initial weights.
    """

    def __init__(self, lr: float, seed: int) -> None:
        super().__init__([], lambda x, t: x, max_images=sys.maxsize)  # the loaders end the training
        with seeded_globally(seed):
            self.network = UNet(1, 1)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=lr)
        self.outputs: dict[int, Tensor] = {}  # outputs with their graph, by number of the forward call
        self.respond = self._respond

    def _respond(self, x: Tensor, t: Tensor) -> Tensor:
        if x.shape[1:] != (1, 28, 28) or t.numel() not in (1, len(x)):
            found = f"images of shape {tuple(x.shape)} and {t.numel()} steps"
            raise Refusal(
                "ValueError", f"the network takes images of 1 x 28 x 28 and their steps, not {found}"
            )
        steps = (t.expand(len(x)) if t.numel() == 1 else t).float().view(-1, 1)
        output: Tensor = self.network(x.float(), steps)
        self.last = output
        return output.detach()

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Run forward, or backpropagate the gradient that came back to an output."""
        if event == "backward":
            output = self.outputs.pop(args[0], None)
            # The double's own gradient shows whether train cleared it: if so, clear these gradients, too;
            # otherwise let them accumulate.
            if not state.get("gradient_before"):
                self.optimizer.zero_grad()
            if output is not None and output.shape == args[1].shape:
                output.backward(args[1].float())  # type: ignore[no-untyped-call]
            return None
        self.network.train(state["training"])
        with torch.set_grad_enabled(state["grad"]):
            answer = super().answer(event, args, kwargs, state)
        self.log.clear()
        self.outputs = {state["call"]: self.last} if state["grad"] else {}  # keep one graph in memory
        return answer

    def predict(self, x: Tensor, steps: Tensor) -> Tensor:
        """Return the noise predicted in eval mode."""
        self.network.eval()
        with torch.no_grad():
            predicted: Tensor = self.network(x, steps.float().view(-1, 1))
        return predicted


class ReferenceOptimizerDouble(OptimizerDouble):
    """The optimizer of a ``ReferenceNetworkDouble``: its steps are steps of Adam on the reference network."""

    def answer(self, event: str, args: tuple[Any, ...], kwargs: dict[str, Any], state: dict[str, Any]) -> Any:
        """Make a step of Adam; ``zero_grad`` shows in the double's own gradient instead."""
        network = self.network
        if event == "step" and isinstance(network, ReferenceNetworkDouble):
            network.optimizer.step()
