"""Finds out what a student's network computes: shapes, skip connections, whether it hears of the step."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Blocked, Reporter
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError
from reference.pretrained import SCHEDULE

from ..interface.conventions import TimestepEncoding

BATCH = 32
# The forms that t takes in the handout, in the paper's code and in students' own, in the order they are
# tried.
FORMS = ("float (B, 1)", "long (B,)", "float (B,)", "long (B, 1)", "float (B, 1, 1, 1)")
AUDIBLE = (
    1e-4  # share of an effect below which nothing is heard; a true way carries a thousandth at the least
)
SHAKES = 3


def steps_as(form: str, steps: Tensor) -> Tensor:
    """Steps, (B,), in one of FORMS; shares of T stay what they are."""
    kind, _, shape = form.partition(" ")
    sizes = {"(B,)": (-1,), "(B, 1)": (-1, 1), "(B, 1, 1, 1)": (-1, 1, 1, 1)}
    whole = not steps.is_floating_point() and kind == "long"
    return (steps.long() if whole else steps.float()).view(sizes[shape])


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A student's network in the worker, in eval mode, and how it wants to be asked.

    Attributes:
        output: what it gave for the first question, or the sentence of its refusal.
        told: how it was told the step when it was trained.
    """

    handle: Handle
    form: str
    output: Tensor | str
    told: TimestepEncoding = TimestepEncoding()  # noqa: RUF009  it is frozen

    def predict(self, student: Student, x: Tensor, steps: Tensor, *, within: float = 60.0) -> Any:
        """Its output for images x, (B, C, 28, 28), at integer steps (B,)."""
        form = self.told.form if self.told.form in FORMS else self.form
        t = steps_as(form or self.form, self.told.of(steps, SCHEDULE["total_steps"]))
        return student.call(self.handle, x, t, seed=0, grad=False, timeout=within)


def build(student: Student, channels: int, reporter: Reporter) -> Handle:
    """UNet(channels, 1) of the student's on the device in use.

    Raises:
        StudentError: it cannot be built.
    """
    try:
        handle: Handle = student.call("UNet", channels, 1, seed=student.seed, keep=True)
    except StudentError as error:
        if error.type != "TypeError" or channels != 1:
            raise
        try:
            handle = student.call("UNet", seed=student.seed, keep=True)
        except StudentError:
            raise error from None
        reporter.note("UNet takes no in_channels and out_channels; it was built without them.")
    student.call(handle, CURRENT_DEVICE, method="to", keep=True)
    student.call(handle, method="eval", keep=True)
    return handle


def examine(student: Student, channels: int, generator: torch.Generator, reporter: Reporter) -> Network:
    """Build a network and ask it once, in each form of t until one is answered.

    Raises:
        StudentError: it cannot be built.
    """
    handle = build(student, channels, reporter)
    x = torch.randn((BATCH, channels, 28, 28), generator=generator)
    steps = torch.randint(0, 50, (BATCH,), generator=generator)
    refusal = None
    for form in FORMS:
        try:
            output = student.call(handle, x, steps_as(form, steps), grad=False)
        except StudentError as error:
            if error.lost or error.type == "ModuleNotFoundError":
                raise
            refusal = refusal or str(error)
            continue
        if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
            output = output[0]
        if isinstance(output, Tensor) and output.ndim == 4 and len(output) == BATCH:
            if form != FORMS[0]:
                reporter.note(
                    f"The network does not take t as the handout's float (B, 1); it was asked with {form}."
                )
            return Network(handle=handle, form=form, output=output)
        refusal = refusal or (
            "forward returns nothing (None): is a return missing?"
            if output is None
            else f"forward returns no batch of images, but {_kind(output)}."
        )
    return Network(handle=handle, form=FORMS[0], output=refusal or "it does not answer")


def takes(student: Student, network: Network, channels: int) -> bool:
    """Whether a network accepts images of so many channels."""
    x = torch.zeros((BATCH, channels, 28, 28))
    steps = torch.zeros(BATCH, dtype=torch.int64)
    try:
        student.call(network.handle, x, steps_as(network.form, steps), grad=False)
    except StudentError:
        return False
    return True


def rebuilt(student: Student, network: Network, reporter: Reporter) -> Network:
    """The same network as it is when new: probing it has moved its weights."""
    return replace(network, handle=build(student, 1, reporter))


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPaths:
    """What of an input's change reaches the output, by the lowest resolution on its way.

    Attributes:
        heard: for level k (0 is the full resolution), the share of the change that comes by ways whose lowest
            level
            is k: the skip connection of that level. The bottom itself is left out.
        maps: [height, most channels] of each level that was seen.
        joins: (level, what is joined) of each concatenation, in the words of the worker's ``pathways``: a
            hint at why a way is missing, from within the worker, and no proof.
        by_time: share of the output that changes with the step.
        parameters: trainable ones.
    """

    heard: tuple[float, ...]
    maps: tuple[tuple[int, int], ...]
    joins: tuple[tuple[int, str], ...]
    by_time: float
    parameters: int


def input_paths(student: Student, network: Network, generator: torch.Generator) -> InputPaths:
    """Trace a network by activation patching, at several random weights, and take the most that was heard.

    Raises:
        Blocked: it does not answer.
    """
    if isinstance(network.output, str):
        raise Blocked(f"The network does not answer: {network.output}")
    parameters = student.ask("describe", network.handle).get("parameters") or 0
    heard: list[float] = []
    maps: list[tuple[int, int]] = []
    joins: list[tuple[int, str]] = []
    by_time = 0.0
    for shake in range(SHAKES):  # moved on from zero-initialised layers and gates, which would carry nothing
        student.ask("shake", network.handle, seed=shake + 1, scale=0.05)
        x, shifted = (torch.randn((4, 1, 28, 28), generator=generator) for _ in range(2))
        steps = torch.tensor([3, 11, 24, 47])
        t = steps_as(network.form, steps)
        found = student.ask("pathways", network.handle, args=[x, t], shifted=[shifted, t], full=28)
        clean, moved = found["clean"], found["open"]
        change = _size(moved - clean)
        outputs = [clean, *found["ways"]]
        shares = [_size(b - a) / max(change, 1e-30) for a, b in itertools.pairwise(outputs)]
        heard = [max(pair) for pair in zip(heard or [0.0] * len(shares), shares, strict=True)]
        maps = [(int(height), int(channels)) for height, channels in found["maps"]]
        joins = [(int(level), str(what)) for level, what in found["joins"]]
        later = network.predict(student, x, (steps + 20) % 50)
        by_time = max(by_time, _size(later - clean) / max(_size(clean), 1e-30))
    return InputPaths(
        heard=tuple(heard), maps=tuple(maps), joins=tuple(joins), by_time=by_time, parameters=parameters
    )


def _size(tensor: Tensor) -> float:
    return float(tensor.double().nan_to_num().norm())


def _kind(value: Any) -> str:
    return (
        f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else f"a {type(value).__name__}"
    )
