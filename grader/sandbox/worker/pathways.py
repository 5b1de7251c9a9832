"""Activation patching: finds the resolutions at which a network passes information to its output.

The network runs on ``args`` while every feature map is recorded, then on ``shifted`` while every map below
a chosen resolution is replaced by its recorded value. Lower resolutions are thereby frozen: what still
changes in the output has come along a path that never went below that resolution, such as a skip
connection. So a skip connection is detected by its effect, whatever it is called or built from, and one
that is multiplied by zero has none. (On such architectures see Ronneberger et al. 2015.)

Feature maps are intercepted by a TorchFunctionMode, which sees every call into torch's Python API. It needs
no hooks on modules, and also works where ``forward`` is plain arithmetic on tensors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def explore(network: nn.Module, args: Sequence[Any], shifted: Sequence[Any], full: int) -> dict[str, Any]:
    """Return outputs of ``network`` while only paths at or above a level are open.

    Args:
        network: in eval mode; called as ``network(*args)``.
        args, shifted: two inputs of the same shapes.
        full: height of a full-resolution map, such as 28. A map of height h is at level
            round(log2(full / h)).

    Returns:
        ``clean`` and ``open``, the outputs on both inputs; ``ways``, a list whose k-th entry is the output on
        ``shifted`` with every map below level k frozen at its clean value; ``maps``, [height, most channels]
        of each level that occurs; ``joins``, [level, one of ``_JOINED``] of every concatenation of two maps.
        ``joins`` only hints at why a path is missing: it proves nothing.
    """

    def run(inputs: Sequence[Any]) -> Any:
        torch.manual_seed(0)  # a network that draws noise must draw the same in every run
        return network(*inputs)

    with torch.no_grad():
        recorder = _MapRecorder(full)
        with recorder:
            clean = run(args)
        ways = []
        for level in range(recorder.deepest):
            with _MapFreezer(full, level, recorder.recorded):
                ways.append(run(shifted))
        unfrozen = run(shifted)
    maps = [[height, channels] for _, (height, channels) in sorted(recorder.widest.items())]
    return {"clean": clean, "open": unfrozen, "ways": ways, "maps": maps, "joins": recorder.joins}


def _level(full: int, tensor: Tensor) -> int:
    """Return how many times the full resolution was halved to get this map's."""
    return max(0, round(math.log2(full / max(1, min(tensor.shape[-2:])))))


_JOINS = (torch.cat, torch.concat, torch.concatenate)
_PLACEHOLDERS = (torch.zeros_like, torch.zeros, Tensor.new_zeros)
_JOINED = ("placeholder", "zeros", "copy", "constant", "map")  # what is joined: the first that applies


class _FeatureMapMode(TorchFunctionMode):
    """Numbers feature maps, 4-D float tensors, in the order in which the network computes them.

    The number identifies a map across runs: the same network with inputs of the same shapes makes the same
    calls in the same order.
    """

    def __init__(self, full: int) -> None:
        super().__init__()
        self.full = full
        self.count = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # Torch calls of our own, in the handlers below, are no feature maps of the network.
        if func in _JOINS or func in _PLACEHOLDERS:
            with torch._C.DisableTorchFunction():
                self.on_constructed(func, args, kwargs or {}, result)
        if isinstance(result, Tensor) and result.ndim == 4 and result.is_floating_point() and result.numel():
            with torch._C.DisableTorchFunction():
                result = self.on_map(result, in_place=any(result is arg for arg in args))
        return result

    def on_map(self, feature_map: Tensor, *, in_place: bool) -> Tensor:
        """Handle a feature map; the network gets what is returned instead of it."""
        raise NotImplementedError

    def on_constructed(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Handle a concatenation or a tensor of zeros; only the recorder does."""


class _MapRecorder(_FeatureMapMode):
    """Copies every map, and notes the sizes at each level and what is concatenated."""

    def __init__(self, full: int) -> None:
        super().__init__(full)
        self.recorded: list[Tensor] = []
        self.widest: dict[int, tuple[int, int]] = {}  # level: (height, most channels)
        self.joins: list[list[Any]] = []
        self._placeholders: list[Any] = []  # compared by identity, so they must stay alive

    @property
    def deepest(self) -> int:
        return max(self.widest, default=0)

    def on_map(self, feature_map: Tensor, *, in_place: bool) -> Tensor:
        self.recorded.append(feature_map.clone())
        height, channels = min(feature_map.shape[-2:]), feature_map.shape[1]
        if height > 1:  # a time embedding reshaped to 1 x 1 is not a level of the network
            level = _level(self.full, feature_map)
            _, most = self.widest.get(level, (0, 0))
            size = self.full if level == 0 else max(height, 1)
            first = self.widest.get(level, (size, 0))[0]
            self.widest[level] = (first, max(most, channels))
        return feature_map

    def on_constructed(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        if func in _PLACEHOLDERS:
            self._placeholders.append(result)
            return
        parts = args[0] if args else kwargs.get("tensors", ())
        maps = [part for part in parts if isinstance(part, Tensor) and part.ndim == 4]
        if len(maps) > 1 and len(self.joins) < 64:
            self.joins.append([_level(self.full, result), self._joined(maps)])

    def _joined(self, maps: Sequence[Tensor]) -> str:
        """Return the first of ``_JOINED`` that applies to the maps in a concatenation."""
        if any(part is placeholder for part in maps for placeholder in self._placeholders):
            return "placeholder"
        if any(not part.any() for part in maps):
            return "zeros"
        if any(torch.equal(one, other) for one, other in itertools.combinations(maps, 2)):
            return "copy"
        if any((part == part[..., :1, :1]).all() for part in maps):
            return "constant"
        return "map"


class _MapFreezer(_FeatureMapMode):
    """Replaces every map below a level by the recorded map of the same number."""

    def __init__(self, full: int, level: int, recorded: list[Tensor]) -> None:
        super().__init__(full)
        self.level, self.recorded = level, recorded

    def on_map(self, feature_map: Tensor, *, in_place: bool) -> Tensor:
        number, self.count = self.count, self.count + 1
        if _level(self.full, feature_map) <= self.level or number >= len(self.recorded):
            return feature_map
        frozen = self.recorded[number]
        if frozen.shape != feature_map.shape:  # control flow depends on the values: the numbers do not match
            return feature_map
        # The result of an in-place call must be overwritten in place, since the caller may keep using the
        # argument. Any other result is replaced by a copy: it may be a view of a larger map that must not
        # change.
        return feature_map.copy_(frozen) if in_place else frozen.clone()
