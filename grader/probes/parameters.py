"""Read and replace the parameters of a student's network, to take parts of it out of the computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from grader.sandbox.student import Student
from grader.sandbox.values import Handle

_LIMIT = 64 << 20  # bytes of all parameters


def read_parameters(student: Student, network: Handle) -> dict[str, Tensor]:
    """Return the state dict of a network, as plain tensors: nothing is unpickled.

    Raises:
        StudentError: the network's own ``state_dict`` failed, or is too large.
    """
    found = student.call(network, method="state_dict", grad=False, reply_limit=_LIMIT)
    tensors = found.items() if isinstance(found, Mapping) else ()
    return {str(name): value for name, value in tensors if isinstance(value, Tensor)}


def write_parameters(student: Student, network: Handle, parameters: Mapping[str, Tensor]) -> None:
    """Load a state dict into a network.

    Raises:
        StudentError: it does not fit.
    """
    student.call(network, dict(parameters), method="load_state_dict", grad=False, keep=True)


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
