"""Leave the function transforms of ``torch.func`` for a moment, under which no tensor has memory to read.

Under ``torch.func.grad`` every tensor is a wrapper around one of the level below, and every operation gives
another wrapper. Test doubles need the numbers.
"""

from __future__ import annotations

import contextlib

from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.func import debug_unwrap


def outside() -> contextlib.AbstractContextManager[object]:
    """Return a context in which operations are not transformed."""
    return temporarily_clear_interpreter_stack()


def unwrapped(tensor: Tensor) -> Tensor:
    """Return the tensor inside all wrappers of transforms; a plain one as it is."""
    plain: Tensor = debug_unwrap(tensor)
    return plain
