"""Read and replace the parameters of a student's network, to take parts of it out of the computation."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.values import Handle
from grader.sandbox.worker.wire import MAX_BODY


def read_parameters(student: Student, network: Handle) -> dict[str, Tensor]:
    """Return the state dict of a network; {} if it is too large.

    The bytes come from a process under the student's control, so only tensors are read from them.

    Raises:
        StudentError: the network's own ``state_dict`` failed.
    """
    header, most = {"verb": "state"}, {"most": MAX_BODY >> 1}
    content = student.reply(header, target=network, values=most, reply_limit=MAX_BODY)["value"]
    if not isinstance(content, Tensor) or not len(content):
        return {}
    try:
        found = torch.load(io.BytesIO(content.numpy().tobytes()), weights_only=True)
    except Exception:  # whatever the worker sent is no state dict
        return {}
    tensors = found.items() if isinstance(found, dict) else ()
    return {str(name): value for name, value in tensors if isinstance(value, Tensor)}


def write_parameters(student: Student, network: Handle, parameters: Mapping[str, Tensor]) -> None:
    """Load a state dict into a network.

    Raises:
        StudentError: it does not fit.
    """
    file = io.BytesIO()
    torch.save(dict(parameters), file)
    content = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
    student.ask("weights", network, content=content)


def without(parameters: Mapping[str, Tensor], is_left_out: Callable[[Tensor], bool]) -> dict[str, Tensor]:
    """Return the parameters with those set to zero that a function picks.

    Example:
        >>> both = {"weight": torch.ones(2, 3), "scale": torch.ones(2)}
        >>> {name: float(each.sum()) for name, each in without(both, lambda p: p.ndim > 1).items()}
        {'weight': 0.0, 'scale': 2.0}
    """
    return {
        name: torch.zeros_like(value) if is_left_out(value) else value for name, value in parameters.items()
    }
