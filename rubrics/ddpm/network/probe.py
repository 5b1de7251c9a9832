"""Build a student's network, and call it in the form in which it accepts t."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grader.checks import Reporter, Unmet
from grader.probes.attempts import furthest
from grader.probes.recorded_graph import first_tensor
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from reference.schedule import SCHEDULE

from ..interface.conventions import TimestepEncoding
from .building import build, takes_out_channels

BATCH = 32
# Forms of t in the handout, in the paper's code and in students' code, in the order in which they are tried.
FORMS = ("float (B, 1)", "long (B,)", "float (B,)", "long (B, 1)", "float (B, 1, 1, 1)")
STEPS = 50  # steps that a network is asked about: 0 to 49


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
        sample: that batch: images (B, C, 28, 28) and steps (B,).
        encoding: how the timestep is encoded when the network is trained.
        failure: why it has no output.
    """

    handle: Handle
    form: str
    output: Tensor | str
    sample: tuple[Tensor, Tensor] | None = None
    encoding: TimestepEncoding = TimestepEncoding()  # noqa: RUF009  it is frozen
    failure: Exception | None = None

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
    steps = torch.randint(0, STEPS, (BATCH,), generator=generator)
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
            return Network(handle=handle, form=form, output=output, sample=(x, steps))
        refused.append(
            Unmet(
                "forward returns None. Is a return statement missing?"
                if output is None
                else f"forward should return a batch of images, but it returns {_kind(output)}."
            )
        )
    failure = furthest(refused)
    return Network(handle=handle, form=FORMS[0], output=str(failure), failure=failure)


def accepts_channels(student: Student, network: Network, channels: int) -> bool:
    """Return whether a network accepts images with this number of channels."""
    x = torch.zeros((BATCH, channels, 28, 28))
    steps = torch.zeros(BATCH, dtype=torch.int64)
    try:
        student.call(network.handle, x, format_steps(network.form, steps), grad=False)
    except StudentError:
        return False
    return True


def ignores_out_channels(student: Student, network: Network, reporter: Reporter) -> bool:
    """Return whether the network has one output channel although ``out_channels`` asks for two."""
    if not takes_out_channels(student):
        return False
    x, steps = torch.zeros((BATCH, 1, 28, 28)), torch.zeros(BATCH, dtype=torch.int64)
    try:
        handle = build(student, 1, reporter, out_channels=2)
        output = first_tensor(student.call(handle, x, format_steps(network.form, steps), grad=False))
    except StudentError:
        return False
    return output.ndim == 4 and output.shape[1] == 1


def rebuild(student: Student, network: Network, reporter: Reporter) -> Network:
    """Return the same network with its initial weights, which probing has changed."""
    return replace(network, handle=build(student, 1, reporter))


def _kind(value: Any) -> str:
    return (
        f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Tensor)
        else f"a {type(value).__name__}"
    )
