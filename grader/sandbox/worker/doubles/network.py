"""A network played by the judge: its answers are differentiable, and gradients are relayed."""

from __future__ import annotations

import inspect
import itertools
import types
from typing import Any

import torch
from torch import Tensor, nn

from .base import Impersonator, defined_class, judge

_calls = itertools.count()  # over all networks: a deep copy must not repeat the numbers of the original


class _Answer(torch.autograd.Function):
    """Joins the judge's answer to the caller's graph, and relays the gradient that arrives back at it.

    ``weight`` takes part so that the output requires grad: autograd runs ``backward`` only where a leaf needs
    a gradient.
    """

    @staticmethod
    def forward(answer: Tensor, weight: Tensor, module: Module, call: int) -> Tensor:
        return answer.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # torch.func asks for one
        _, _, ctx.module, ctx.call = inputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None, None]:
        weight = ctx.module.weight
        # The gradient that has accumulated so far: zero or None after zero_grad, as the judge can check.
        following = getattr(ctx, "next_functions", None)  # none under torch.func, which returns gradients
        before = weight.grad if following and _accumulates(following[1][0]) else None
        state = {"gradient_before": None if before is None else float(before.detach().sum())}
        judge.callback(ctx.module.number, "backward", (ctx.call, gradients[0]), {}, state)
        return None, torch.ones_like(weight), None, None


def _accumulates(leaf: Any) -> bool:
    """Return whether this pass adds to the leaf's gradient; ``torch.autograd.grad`` returns it instead."""
    try:
        return bool(torch._C._will_engine_execute_node(leaf))
    except RuntimeError:  # raised for a leaf whose gradient is captured
        return False


class Module(Impersonator, nn.Module):
    """A network whose output comes from the judge.

    Its only parameter receives a gradient of exactly 1 per backward pass, so that its value and its gradient
    count optimizer steps and backward passes. The class that it passes for lends it further methods.

    Args:
        loss: "always" if it returns (output, loss), where the loss is the cross-entropy with a second tensor
            of the call, or None without one; "with targets" if it does so only where there is one.
    """

    def __init__(
        self, number: int, passes_for: tuple[str, ...], attributes: dict[str, Any], loss: str | None = None
    ) -> None:
        super().__init__()
        self.number, self.passes_for, self.loss = number, passes_for, loss
        self.weight = nn.Parameter(torch.ones(1))
        for name, value in attributes.items():
            setattr(self, name, value)

    def _impersonated(self) -> type:
        # nn.Module looks at __class__ while it is being constructed or copied, before there are attributes.
        return defined_class(vars(self).get("passes_for", ()), nn.Module) or Module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            method = inspect.getattr_static(self._impersonated(), name, None)
            if name.startswith("_") or not isinstance(method, types.FunctionType):
                raise
            return types.MethodType(method, self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self._output(args, kwargs)
        targets = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)][1:]
        if self.loss is None or not (targets or self.loss == "always"):
            return output
        flat = output.flatten(0, -2)
        return output, nn.functional.cross_entropy(flat, targets[0].flatten()) if targets else None

    def _output(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        call = next(_calls)
        state = {
            "call": call,
            "training": self.training,
            "grad": torch.is_grad_enabled(),
            "weight": self.weight.detach().item(),
        }
        answer: Tensor = judge.callback(self.number, "forward", args, kwargs, state)
        if not torch.is_grad_enabled():
            return answer
        joined: Tensor = _Answer.apply(answer, self.weight, self, call)
        return joined
