"""Says what lies behind an error in student code, where that is known from the notebook or the device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from grader.sandbox.terms import StudentError, WorkerError

_NAME = re.compile(r"name '(\w+)' is not defined")
# What PyTorch says of a GPU that is full, or was lost to an earlier error.
_TROUBLE = re.compile("OutOfMemoryError|CUDA error|CUDA out of memory|CUDNN_STATUS_|CUBLAS_STATUS_")
# And where what lies on the GPU meets what does not.
_MIXED = re.compile(
    r"on (the )?same device|device type for generator|cuda:\d device type tensor to numpy"
    r"|torch\.cuda\.\w+Tensor"
)


def explained(
    error: StudentError, unset: Mapping[str, str], problems: Iterable[Mapping[str, Any]]
) -> StudentError:
    """The error, with its cause where that is known.

    A name that is missing because its own statement failed gives that statement's error; one that nothing
    sets says so.
    """
    match = _NAME.search(error.message) if error.type == "NameError" else None
    if match is None:
        return error
    for problem in problems:
        if match[1] in problem.get("binds", ()):
            return StudentError(problem["type"], problem["message"], problem["cell"], problem["line"])
    if match[1] in unset:
        return StudentError(error.type, f"{error.message}: {unset[match[1]]}", error.cell, error.line)
    return error


def on_gpu_only(error: StudentError | WorkerError) -> str | None:
    """What to say of an error that only a GPU brings about: verdicts must not depend on whether there is one.
    None of any other.
    """
    said = str(error)
    if _TROUBLE.search(said):
        return f"the GPU failed ({said})"
    if _MIXED.search(said):
        return f"the code has tensors on the GPU meet others, which on a processor is no mistake ({said})"
    return None
