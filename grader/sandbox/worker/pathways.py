"""Finds the resolutions through which a network's output hears of its input.

The network runs once on ``args``, and again on ``shifted``; in the second run every feature map below a
chosen size is overwritten with what it held in the first. What still changes in the output has come by a way
that never went below that size. So a skip connection is found by what it carries, whatever it is called or
built of, and one that is multiplied by zero carries nothing (activation patching; for the architecture see
Ronneberger et al. 2015).
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
    """Outputs of ``network`` while only ways at or above a level are open.

    Args:
        network: in eval mode; called as ``network(*args)``.
        args, shifted: two inputs of the same shapes.
        full: height of a full-resolution map, such as 28. A map of height h is at level round(log2(full /
            h)).

    Returns:
        ``clean`` and ``open``, the outputs on both inputs; ``ways``, a list whose k-th entry is the output on
        ``shifted`` with every map below level k held at its clean value; ``maps``, [height, most channels] of
        each level that was seen; ``joins``, [level, what is joined] of every concatenation of two maps, for
        what see ``_JOINED``. The last is only a hint at why a way is missing: it proves nothing.
    """

    def run(inputs: Sequence[Any]) -> Any:
        torch.manual_seed(0)  # a network that draws noise must draw the same in every run
        return network(*inputs)

    with torch.no_grad():
        record = _MapRecorder(full)
        with record:
            clean = run(args)
        ways = []
        for level in range(record.deepest):
            with _MapFreezer(full, level, record.kept):
                ways.append(run(shifted))
        moved = run(shifted)
    maps = [[height, channels] for _, (height, channels) in sorted(record.widest.items())]
    return {"clean": clean, "open": moved, "ways": ways, "maps": maps, "joins": record.joins}


def _level(full: int, tensor: Tensor) -> int:
    """How often the full resolution was halved to come to this map."""
    return max(0, round(math.log2(full / max(1, min(tensor.shape[-2:])))))


_JOINS = (torch.cat, torch.concat, torch.concatenate)
_PLACEHOLDERS = (torch.zeros_like, torch.zeros, Tensor.new_zeros)
_JOINED = ("placeholder", "zeros", "copy", "constant", "map")  # the first that holds is said


class _FeatureMapMode(TorchFunctionMode):
    """Numbers every feature map, a 4-D float tensor, in the order in which the network makes them."""

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
        if func in _JOINS or func in _PLACEHOLDERS:
            with torch._C.DisableTorchFunction():
                self.made(func, args, kwargs or {}, result)
        if isinstance(result, Tensor) and result.ndim == 4 and result.is_floating_point() and result.numel():
            with torch._C.DisableTorchFunction():
                result = self.seen(result, in_place=any(result is arg for arg in args))
        return result

    def seen(self, feature_map: Tensor, *, in_place: bool) -> Tensor:
        raise NotImplementedError

    def made(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """A concatenation, or zeros, were made; only the first run looks at them."""


class _MapRecorder(_FeatureMapMode):
    """Keeps a copy of every map, and notes the sizes of each level."""

    def __init__(self, full: int) -> None:
        super().__init__(full)
        self.kept: list[Tensor] = []
        self.widest: dict[int, tuple[int, int]] = {}
        self.joins: list[list[Any]] = []
        self._placeholders: list[Any] = []  # kept alive, so that no other object takes their place

    @property
    def deepest(self) -> int:
        return max(self.widest, default=0)

    def seen(self, feature_map: Tensor, *, in_place: bool) -> Tensor:
        self.kept.append(feature_map.clone())
        height, channels = min(feature_map.shape[-2:]), feature_map.shape[1]
        if height > 1:  # a vector written as a 1 x 1 map is no level of the network
            level = _level(self.full, feature_map)
            _, most = self.widest.get(level, (0, 0))
            size = self.full if level == 0 else max(height, 1)
            first = self.widest.get(level, (size, 0))[0]
            self.widest[level] = (first, max(most, channels))
        return feature_map

    def made(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        if func in _PLACEHOLDERS:
            self._placeholders.append(result)
            return
        parts = args[0] if args else kwargs.get("tensors", ())
        maps = [part for part in parts if isinstance(part, Tensor) and part.ndim == 4]
        if len(maps) > 1 and len(self.joins) < 64:
            self.joins.append([_level(self.full, result), self._joined(maps)])

    def _joined(self, maps: Sequence[Tensor]) -> str:
        """Which of ``_JOINED`` speaks against these maps being two different sights of the image."""
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
    """Overwrites every map below a level with what the first run held there."""

    def __init__(self, full: int, level: int, kept: list[Tensor]) -> None:
        super().__init__(full)
        self.level, self.kept = level, kept

    def seen(self, feature_map: Tensor, *, in_place: bool) -> Tensor:
        number, self.count = self.count, self.count + 1
        if _level(self.full, feature_map) <= self.level or number >= len(self.kept):
            return feature_map
        held = self.kept[number]
        if held.shape != feature_map.shape:
            return feature_map
        # What was changed in place is overwritten in place, since the caller may not look at the result;
        # anything else is returned anew, since it may be a view of a larger map that must not change.
        return feature_map.copy_(held) if in_place else held.clone()
