"""Find the cause of an error in student code, where the notebook or the device reveals it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from grader.errors import WorkerStartError
from grader.sandbox.connection import WorkerConnection
from grader.sandbox.deadlines import BACKSTOP, Exceeded, TimeLimit
from grader.sandbox.values import DeviceError, StudentError, WorkerError, WorkerLost

_NAME = re.compile(r"name '(\w+)' is not defined")
_ATTRIBUTE = re.compile(r"object has no attribute '(\w+)'")
# Signals that code does not get by a mistake, as it gets a segmentation fault: another process or the kernel
# sends them.
_SIGNALS_FROM_OUTSIDE = {
    number
    for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGPWR")
    if (number := getattr(signal, name, None))
}
_ITS_PROCESS = "the process of the student's code"
# PyTorch's messages about a GPU that is full, unusable, or lost after an earlier error.
_GPU_ERRORS = re.compile(
    r"OutOfMemoryError|CUDA (driver )?error|CUDA out of memory|CUDA unknown error|CUDA driver init"
    r"|cudaGetDeviceCount|No CUDA GPUs|NVIDIA driver|CUDA call failed lazily|NVRTC|nvrtc"
    r"|CU(DNN|BLAS|SOLVER)_STATUS_|cuDNN|cuFFT|unable to find an engine"
)
# PyTorch's messages about tensors on the GPU that meet tensors or generators on the CPU.
_MIXED_DEVICES = re.compile(
    r"same device|expected device '?cuda|to be on GPU \(while|device type for generator"
    r"|cuda:\d device type tensor to numpy|torch\.cuda\.\w+Tensor"
)


def add_cause(
    error: StudentError, unset: Mapping[str, str], problems: Iterable[Mapping[str, Any]]
) -> StudentError:
    """Return the error, or a more helpful one if it is due to a name whose cause is known.

    A name whose own statement failed gives that statement's error; a name that is never defined gets the
    explanation in ``unset``. A method that a decorator of a missing package would have added to its class
    gives the error of the missing package.

    Args:
        error: what the student's code raised.
        unset: explanations by name, for names that no statement defines.
        problems: statements that failed while the definitions were loaded.
    """
    pattern = {"NameError": _NAME, "AttributeError": _ATTRIBUTE}.get(error.type)
    match = pattern.search(error.message) if pattern else None
    if match is None:
        return error
    for problem in problems:
        if error.type == "AttributeError" and problem["type"] != "ModuleNotFoundError":
            continue
        if match[1] in problem.get("binds", ()):
            where = (problem["cell"], problem["line"], error.path)
            return StudentError(problem["type"], problem["message"], *where)
    if error.type == "NameError" and match[1] in unset:
        message = f"{error.message}: {unset[match[1]]}"
        return StudentError(error.type, message, error.cell, error.line, error.path)
    return error


def end_error(
    connection: WorkerConnection, exceeded: TimeLimit | None, device: str
) -> StudentError | DeviceError | WorkerLost:
    """Return the error for a worker that has ended: by itself, for a limit that it exceeded, or by accident.

    Args:
        exceeded: the time limit for which it was killed, if it was.
    """
    if exceeded:
        return timeout_error(exceeded)
    try:
        exit_code = connection.exit_code()
    except WorkerStartError as error:
        return WorkerLost(str(error))
    if connection.limit_exceeded:
        return StudentError("Died", f"the Python process was stopped because it {connection.limit_exceeded}")
    if device == "cuda":
        return DeviceError("the Python process ended; an error in CUDA or its libraries can cause this")
    if exit_code is not None and -exit_code in _SIGNALS_FROM_OUTSIDE:
        if connection.watchdog and connection.watchdog.memory_ran_out:
            return WorkerLost(f"{_ITS_PROCESS} was killed when the machine ran out of memory")
        return WorkerLost(f"{_ITS_PROCESS} was killed from outside (signal {-exit_code})")
    return StudentError("Died", "the Python process ended without an answer")


def timeout_error(limit: TimeLimit) -> StudentError | WorkerLost:
    """Return the error for a worker that was killed because its call exceeded this limit."""
    match limit.exceeded:
        case Exceeded.PROCESSOR_TIME:
            text = f"no answer within {limit.seconds:.0f} seconds of processor time"
            return StudentError("Timeout", text)
        case Exceeded.ASLEEP:
            text = f"no answer within {BACKSTOP * limit.seconds:.0f} seconds, most of them spent waiting"
            return StudentError("Timeout", text)
    why = limit.exceeded.value if limit.exceeded else "it was killed"
    return WorkerLost(f"the student's code did not answer: {why}")


def gpu_failure(error: StudentError | WorkerError) -> str | None:
    """Return a sentence about an error that can only arise on a GPU, or None for any other error.

    Such an error decides nothing: a verdict must not depend on the machine's having a GPU.
    """
    message = str(error)
    if _GPU_ERRORS.search(message):
        return f"the GPU failed ({message})"
    if _MIXED_DEVICES.search(message):
        mixed = "the code mixes tensors on the GPU with tensors on the CPU, which works without a GPU"
        return f"{mixed} ({message})"
    return None
