"""Read and replace the parameters of a student's network, to take parts of it out of the computation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

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


def have_effect(
    student: Student,
    network: Handle,
    parameters: Mapping[str, Tensor],
    names: Collection[str],
    ask: Callable[[], Tensor],
) -> bool:
    """Return whether an answer changes when some parameters are scaled by 1.5.

    Args:
        parameters: all of the network's, as ``read_parameters`` returns them; they are written back.
        names: those to scale.
        ask: gets the answer, the same each time while the parameters are the same.

    Raises:
        StudentError: the parameters cannot be written, or ``ask`` failed.
    """
    before = ask()
    scaled = {name: 1.5 * value if name in names else value for name, value in parameters.items()}
    write_parameters(student, network, scaled)
    try:
        return not torch.equal(ask(), before)
    finally:
        write_parameters(student, network, parameters)


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
