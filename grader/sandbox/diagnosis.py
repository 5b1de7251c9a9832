"""Says what lies behind an error in student code, where that is known from the notebook or the device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from grader.sandbox.values import DeviceError, StudentError, WorkerError

_NAME = re.compile(r"name '(\w+)' is not defined")
# What PyTorch says of a GPU that is full, was lost to an earlier error, or cannot be used.
_TROUBLE = re.compile(
    r"OutOfMemoryError|CUDA (driver )?error|CUDA out of memory|CUDA unknown error|CUDA driver init"
    r"|cudaGetDeviceCount|No CUDA GPUs|NVIDIA driver|CUDA call failed lazily|NVRTC|nvrtc"
    r"|CU(DNN|BLAS|SOLVER)_STATUS_|cuDNN|cuFFT|unable to find an engine"
)
# And where what lies on the GPU meets what does not.
_MIXED = re.compile(
    r"same device|expected device '?cuda|to be on GPU \(while|device type for generator"
    r"|cuda:\d device type tensor to numpy|torch\.cuda\.\w+Tensor"
)


def add_cause(
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


def death_error(limit_exceeded: str | None, device: str) -> StudentError | DeviceError:
    """What to say of a worker that ended by itself, or because of an ``limit_exceeded``."""
    if limit_exceeded:
        return StudentError("Died", f"the Python process was ended, because it {limit_exceeded}")
    if device == "cuda":
        return DeviceError("the Python process ended, as CUDA and its libraries may end one")
    return StudentError("Died", "the Python process ended without an answer")


def gpu_failure(error: StudentError | WorkerError) -> str | None:
    """What to say of an error that only a GPU brings about: verdicts must not depend on whether there is one.
    None of any other.
    """
    said = str(error)
    if _TROUBLE.search(said):
        return f"the GPU failed ({said})"
    if _MIXED.search(said):
        return f"the code has tensors on the GPU meet others, which on a processor is no mistake ({said})"
    return None
