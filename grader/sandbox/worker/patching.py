"""Activation patching on a recorded graph: finds the resolutions at which it passes information on.

The graph is computed for ``args``, then for ``shifted`` with every feature map below a chosen resolution
replaced by its value for ``args``. Lower resolutions are thereby frozen: what still changes in the output has
come along a path that never went below that resolution, such as a skip connection. So a skip connection is
detected by its effect, whatever it is built from, and one that is multiplied by zero has none. (On such
architectures see Ronneberger et al. 2015.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from . import operators
from .program import Node, Program, with_output
from .replay import Run

MAX_LEVELS = 8
_NO_POSITIONS = 64  # the level of what has no positions left, such as an average over the image
_MAX_JOINS = 64
_UNCHANGED = 1e-6  # share of the output's size up to which a change is rounding


def explore(
    program: Program, args: Sequence[Tensor], shifted: Sequence[Tensor], full: int, seed: int
) -> dict[str, Any]:
    """Return outputs of a program while only paths at or above a level are open.

    Args:
        args, shifted: two inputs of the same shapes, whose first tensor is a batch of images.
        full: height of a full-resolution map, such as 28. A map of height h is at level
            round(log2(full / h)).
        seed: seeds the random numbers of each run.

    Returns:
        ``clean`` and ``open``, the outputs on both inputs; ``ways``, a list whose k-th entry is the output on
        ``shifted`` with every map below level k frozen at its clean value; ``maps``, [height, most channels]
        of each level that occurs; ``joins``, [level, one of ``_JOINED``] of every concatenation of two maps.
        ``depends``, whether the graph leads from the images to the output at all.
        If the output is the same on both inputs, ``before`` is true, and ``open`` and ``ways``, with a
        baseline of their own in ``base``, are those of the last full-resolution map that differs.

    Raises:
        GraphError: the graph cannot be computed.
    """
    found = _explore(program, args, shifted, full, seed)
    clean = found["clean"]
    constant = _size(found["open"] - clean) <= _UNCHANGED * _size(clean)
    if constant and (before := _last_difference(program, args, shifted, full, seed)) is not None:
        found = _explore(with_output(program, before), args, shifted, full, seed)
    depends = program.output in _on_the_images(program)
    return found | {"base": found["clean"], "clean": clean, "before": constant, "depends": depends}


def _explore(
    program: Program, args: Sequence[Tensor], shifted: Sequence[Tensor], full: int, seed: int
) -> dict[str, Any]:
    plan = _Plan(program, len(args[0]), full)
    clean = plan.record(Run(program, args, seed))
    maps = [[height, channels] for _, (height, channels) in sorted(plan.widest.items())]
    deepest = min(max(plan.widest, default=0), MAX_LEVELS)
    unfrozen, ways = plan.patch(Run(program, shifted, seed), deepest)
    return {"clean": clean, "open": unfrozen, "ways": ways, "maps": maps, "joins": plan.joins}


_JOINED = ("placeholder", "zeros", "copy", "constant", "map")  # what is joined: the first that applies


@dataclass(slots=True)
class _Plan:
    """Values to freeze at each node, recorded in the clean run.

    Attributes:
        levels: for each node, the deepest level among its feature maps; 0 for a node without any.
        widest: (height, most channels) of the maps at each level.
        joins: see ``explore``.
    """

    program: Program
    count: int
    full: int
    levels: list[int] = field(default_factory=list)
    widest: dict[int, tuple[int, int]] = field(default_factory=dict)
    joins: list[list[Any]] = field(default_factory=list)
    _frozen: list[dict[int, Tensor]] = field(default_factory=list)

    def record(self, running: Run) -> Tensor:
        """Compute the clean run, remember every map below full resolution, and return the output."""
        depends = _on_the_images(self.program)
        written_last = _last_writes(self.program)
        for index, node in enumerate(self.program.nodes):
            running.step(index)
            frozen: dict[int, Tensor] = {}
            level = 0
            for out in node.outs:
                if out is None or out not in depends or out not in running.values:
                    continue
                tensor = running.values[out]
                at = self._level(node, tensor)
                self._measure(tensor, at)
                # A view that is written to later must stay a view of its tensor. What is written is frozen.
                if at > 0 and not (node.views and written_last.get(out, -1) > index):
                    frozen[out] = tensor.clone()
                    level = max(level, at)
            if node.base == "cat":
                self._describe_join(node, running, depends)
            self.levels.append(level)
            self._frozen.append(frozen)
            running.forget(index)
        return running.output()

    def patch(self, running: Run, deepest: int) -> tuple[Tensor, list[Tensor]]:
        """Compute the open run, and for each level a copy that parts from it at the first frozen map."""
        ways: list[tuple[Run, int]] = []
        for index in range(len(self.program.nodes)):
            while len(ways) < deepest and self._first_below(len(ways)) == index:
                ways.append((running.fork(), index))
            running.step(index)
            running.forget(index)
        outputs = []
        for level in range(deepest):
            way, start = ways[level] if level < len(ways) else (running, len(self.program.nodes))
            for index in range(start, len(self.program.nodes)):
                self._step_frozen(way, index, level)
                way.forget(index)
            outputs.append(way.output())
        return running.output(), outputs

    def _step_frozen(self, way: Run, index: int, level: int) -> None:
        node, frozen = self.program.nodes[index], self._frozen[index]
        if self.levels[index] <= level:
            way.step(index)
            return
        if node.written or node.is_random or len(frozen) < len(node.outs):
            way.step(index)
        for out, value in frozen.items():
            current = way.values.get(out)
            if current is not None and current.shape != value.shape:
                continue
            if out in node.written and current is not None:
                current.copy_(value)
            else:
                # A copy: later nodes may overwrite it.
                way.values[out] = value.clone()

    def _first_below(self, level: int) -> int:
        """Return the first node with a map below a level."""
        return next((i for i, at in enumerate(self.levels) if at > level), len(self.levels))

    def _level(self, node: Node, tensor: Tensor) -> int:
        """Return how many times the full resolution was halved to get this tensor's; 0 for no map."""
        if not self._is_batch(tensor):
            return 0
        if tensor.ndim <= 2:
            return _NO_POSITIONS if node.base in operators.CONTRACTS else 0
        height = _height(node, tensor)
        return 0 if height is None else max(0, round(math.log2(self.full / max(1, height))))

    def _is_batch(self, tensor: Tensor) -> bool:
        is_data = tensor.is_floating_point() and tensor.ndim > 0 and tensor.numel() > 0
        return is_data and len(tensor) == self.count

    def _measure(self, tensor: Tensor, level: int) -> None:
        if tensor.ndim != 4 or not self._is_batch(tensor):
            return
        height, channels = min(tensor.shape[-2:]), tensor.shape[1]
        # A vector in the form of a 1 x 1 map is not a level of the network.
        if height > 1 and level < _NO_POSITIONS and abs(tensor.shape[-1] - tensor.shape[-2]) <= _SQUARE:
            size = self.full if level == 0 else height
            first, most = self.widest.get(level, (size, 0))
            self.widest[level] = (first, max(most, channels))

    def _describe_join(self, node: Node, running: Run, depends: set[int]) -> None:
        maps = [(n, v) for n in node.sources if (v := running.values.get(n)) is not None and v.ndim == 4]
        if len(maps) > 1 and len(self.joins) < _MAX_JOINS:
            level = max(0, round(math.log2(self.full / max(1, min(maps[0][1].shape[-2:])))))
            self.joins.append([level, _joined(maps, depends)])


_SQUARE = 3  # a map's height and width may differ by this many pixels


def _height(node: Node, tensor: Tensor) -> int | None:
    """Return the height of a feature map in any layout; None if the tensor is none."""
    if tensor.ndim != 4:
        return None
    if node.base in operators.ON_IMAGES:
        return min(tensor.shape[-2:])
    for high, wide in ((-2, -1), (-3, -2)):  # channels before or after the positions
        if abs(tensor.shape[high] - tensor.shape[wide]) <= _SQUARE:
            return int(min(tensor.shape[high], tensor.shape[wide]))
    return None


def _on_the_images(program: Program) -> set[int]:
    """Return the numbers of the tensors whose values depend on the first input."""
    depends = set(program.inputs[:1])
    shares: dict[int, int] = {}  # a view, and the tensor whose memory it shares
    for node in program.nodes:
        outs = [out for out in node.outs if out is not None]
        if node.views:
            shares |= {out: shares.get(node.views[0], node.views[0]) for out in outs}
        if node.base not in operators.TAKES_ONLY_SHAPE and depends.intersection(node.sources):
            depends.update(outs)
            for number in node.written:  # writing to a view changes the tensor it belongs to
                depends |= {number, shares.get(number, number)}
        elif depends.intersection(shares.get(out, out) for out in outs):
            depends.update(outs)
    return depends


def _last_writes(program: Program) -> dict[int, int]:
    """Return the index of the last node that overwrites the memory of a tensor, by the tensor's number."""
    shares: dict[int, int] = {}
    last: dict[int, int] = {}
    for index, node in enumerate(program.nodes):
        for out in node.outs:
            if out is not None and node.views:
                shares[out] = shares.get(node.views[0], node.views[0])
        for number in node.written:
            last[shares.get(number, number)] = index
    everything = {out for node in program.nodes for out in node.outs if out is not None}
    return {
        number: last[shares.get(number, number)]
        for number in everything
        if shares.get(number, number) in last
    }


def _joined(maps: Sequence[tuple[int, Tensor]], depends: set[int]) -> str:
    """Return the first of ``_JOINED`` that applies to the maps in a concatenation."""
    empty = [number for number, part in maps if not part.any()]
    if any(number not in depends for number in empty):
        return "placeholder"
    if empty:
        return "zeros"
    if any(torch.equal(one, other) for (_, one), (_, other) in itertools.combinations(maps, 2)):
        return "copy"
    if any((part == part[..., :1, :1]).all() for _, part in maps):
        return "constant"
    return "map"


def _last_difference(
    program: Program, args: Sequence[Tensor], shifted: Sequence[Tensor], full: int, seed: int
) -> int | None:
    """Return the last full-resolution map before the output that differs between two inputs, if any."""
    before = {program.output}
    candidates = []
    for node in reversed(program.nodes):
        outs = [out for out in node.outs if out in before]
        if outs:
            before.update(node.sources)
            candidates += outs
    one, other = Run(program, args, seed), Run(program, shifted, seed)
    differing = None
    for index, node in enumerate(program.nodes):
        one.step(index)
        other.step(index)
        for out in node.outs:
            if out not in candidates or out is None:
                continue
            a, b = one.values[out], other.values[out]
            is_map = a.ndim == 4 and a.is_floating_point() and len(a) == len(args[0]) and a.shape[-1] == full
            if is_map and a.shape == b.shape and _size(b - a) > _UNCHANGED * _size(a):
                differing = out
        one.forget(index)
        other.forget(index)
    return differing


def _size(tensor: Tensor) -> float:
    return float(tensor.double().nan_to_num().norm())
