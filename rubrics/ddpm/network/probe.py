"""Probe a student's network: output shape, skip connections, dependence on the step."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Blocked, Reporter, Unmet
from grader.probes.attempts import furthest
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from reference.pretrained import SCHEDULE

from ..interface.conventions import TimestepEncoding
from .building import build

BATCH = 32
# Forms of t in the handout, in the paper's code and in students' code, in the order in which they are tried.
FORMS = ("float (B, 1)", "long (B,)", "float (B,)", "long (B, 1)", "float (B, 1, 1, 1)")
# Share of a change that counts as an effect. A working path carries a thousandth or more; below this bound
# there is only rounding.
MIN_EFFECT = 1e-4
PERTURBATIONS = 3


def format_steps(form: str, steps: Tensor) -> Tensor:
    """Return steps, (B,), in one of FORMS; fractions of T stay floats."""
    kind, _, shape = form.partition(" ")
    sizes = {"(B,)": (-1,), "(B, 1)": (-1, 1), "(B, 1, 1, 1)": (-1, 1, 1, 1)}
    whole = not steps.is_floating_point() and kind == "long"
    return (steps.long() if whole else steps.float()).view(sizes[shape])


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A student's network in the worker, in eval mode.

    Attributes:
        handle: the network.
        form: the form in which it accepts t.
        output: its output for one batch, or an error message.
        encoding: how the timestep is encoded when the network is trained.
    """

    handle: Handle
    form: str
    output: Tensor | str
    encoding: TimestepEncoding = TimestepEncoding()  # noqa: RUF009  it is frozen

    def predict(self, student: Student, x: Tensor, steps: Tensor, *, timeout: float = 60.0) -> Any:
        """Return its output for images x, (B, C, 28, 28), at integer steps (B,)."""
        form = self.encoding.form if self.encoding.form in FORMS else self.form
        t = format_steps(form or self.form, self.encoding.encode(steps, SCHEDULE["total_steps"]))
        return student.call(self.handle, x, t, seed=0, grad=False, timeout=timeout)


def probe_network(student: Student, channels: int, generator: torch.Generator, reporter: Reporter) -> Network:
    """Build a network and call it once, with each form of t until one is accepted.

    Raises:
        StudentError: it cannot be built.
    """
    handle = build(student, channels, reporter)
    x = torch.randn((BATCH, channels, 28, 28), generator=generator)
    steps = torch.randint(0, 50, (BATCH,), generator=generator)
    refused: list[StudentError | Unmet] = []
    for form in FORMS:
        try:
            output = student.call(handle, x, format_steps(form, steps), grad=False)
        except StudentError as error:
            if error.lost or error.type == "ModuleNotFoundError":
                raise
            refused.append(error)
            continue
        if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
            output = output[0]
        if isinstance(output, Tensor) and output.ndim == 4 and len(output) == BATCH:
            if form != FORMS[0]:
                reporter.note(
                    f"Your network does not accept t as float (B, 1), as in the handout; it got {form}."
                )
            return Network(handle=handle, form=form, output=output)
        refused.append(
            Unmet(
                "forward returns None. Is a return statement missing?"
                if output is None
                else f"forward should return a batch of images, but it returns {_kind(output)}."
            )
        )
    return Network(handle=handle, form=FORMS[0], output=str(furthest(refused)))


def accepts_channels(student: Student, network: Network, channels: int) -> bool:
    """Return whether a network accepts images with this number of channels."""
    x = torch.zeros((BATCH, channels, 28, 28))
    steps = torch.zeros(BATCH, dtype=torch.int64)
    try:
        student.call(network.handle, x, format_steps(network.form, steps), grad=False)
    except StudentError:
        return False
    return True


def rebuild(student: Student, network: Network, reporter: Reporter) -> Network:
    """Return the same network with its initial weights, which probing has changed."""
    return replace(network, handle=build(student, 1, reporter))


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPaths:
    """How much of a change at the input reaches the output, by the lowest resolution on its path.

    Attributes:
        skip_effects: for level k (0 is full resolution), the share of the change that arrives by paths whose
            lowest level is k, which is what the skip connection of that level carries. Without the bottom.
        maps: (height, largest number of channels) of each level.
        concatenations: (level, kind) of each concatenation, in the words of the worker's ``pathways``. The
            worker reports it, so it only explains a missing path and proves nothing.
        time_effect: share of the output that changes with the step.
        parameters: number of trainable parameters.
    """

    skip_effects: tuple[float, ...]
    maps: tuple[tuple[int, int], ...]
    concatenations: tuple[tuple[int, str], ...]
    time_effect: float
    parameters: int


def trace_input_paths(student: Student, network: Network, generator: torch.Generator) -> InputPaths:
    """Measure by activation patching which resolutions the output depends on.

    The worker runs the network on an image (``clean``) and on another (``open``). It then repeats the second
    run for every level k with all feature maps below level k overwritten by those of the first: only paths
    that stay at or above level k still transmit the change. What opening level k adds, compared with opening
    the levels above it, is the effect of the skip connection at level k. No architecture is assumed, and a
    skip connection that is multiplied by zero has no effect.

    Raises:
        Blocked: the network fails.
    """
    if isinstance(network.output, str):
        raise Blocked(f"Your network does not work: {network.output}")
    parameters = student.ask("describe", network.handle).get("parameters") or 0
    skip_effects: list[float] = []
    maps: list[tuple[int, int]] = []
    concatenations: list[tuple[int, str]] = []
    time_effect = 0.0
    # Layers and gates that are initialised with zero would block every path, so the weights are perturbed
    # first. Of several perturbations the largest effect counts.
    for perturbation in range(PERTURBATIONS):
        student.ask("perturb", network.handle, seed=perturbation + 1, scale=0.05)
        x, shifted = (torch.randn((4, 1, 28, 28), generator=generator) for _ in range(2))
        steps = torch.tensor([3, 11, 24, 47])
        t = format_steps(network.form, steps)
        found = student.ask("pathways", network.handle, args=[x, t], shifted=[shifted, t], full=28)
        clean, moved = found["clean"], found["open"]
        change = _size(moved - clean)
        outputs = [clean, *found["ways"]]
        shares = [_size(b - a) / max(change, 1e-30) for a, b in itertools.pairwise(outputs)]
        skip_effects = [max(pair) for pair in zip(skip_effects or [0.0] * len(shares), shares, strict=True)]
        maps = [(int(height), int(channels)) for height, channels in found["maps"]]
        concatenations = [(int(level), str(kind)) for level, kind in found["joins"]]
        later = network.predict(student, x, (steps + 20) % 50)
        time_effect = max(time_effect, _size(later - clean) / max(_size(clean), 1e-30))
    return InputPaths(
        skip_effects=tuple(skip_effects),
        maps=tuple(maps),
        concatenations=tuple(concatenations),
        time_effect=time_effect,
        parameters=parameters,
    )


def _size(tensor: Tensor) -> float:
    return float(tensor.double().nan_to_num().norm())


def _kind(value: Any) -> str:
    return (
        f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else f"a {type(value).__name__}"
    )
