"""Report as JSON whether there is a GPU and whether a sandboxed worker can compute on it.

``grade doctor`` runs this module as a separate process, since a broken driver may crash it::

    {"name": str | null,     null if there is no GPU
     "why": str | null}      the reason why workers cannot use it; null if they can
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from grader.errors import WorkerStartError
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import DeviceError, StudentError, WorkerError
from grader.sandbox.zygote import Zygote


def gpu_error(layers: Sequence[str]) -> str | None:
    """Return the reason why a worker with these sandbox layers cannot use the GPU, or None if it can."""
    with Zygote(layers=layers) as zygote:
        try:
            with Student(zygote=zygote, source=WorkerSource(statements=[]), device="cuda") as worker:
                worker.start()
        except (DeviceError, StudentError, WorkerError, WorkerStartError) as error:
            return str(error)
    return None


def check_gpu(layers: Sequence[str]) -> dict[str, str | None]:
    """Return the name of the GPU and the reason why it cannot be used, each None where there is none."""
    if torch.cuda.is_available():
        return {"name": torch.cuda.get_device_name(0), "why": gpu_error(layers)}
    if torch.version.cuda and Path("/dev/nvidiactl").exists():
        try:
            torch.zeros(1, device="cuda")
        except RuntimeError as error:
            return {"name": "a GPU", "why": str(error)}
    return {"name": None, "why": None}


if __name__ == "__main__":
    print(json.dumps(check_gpu(sys.argv[1:])))
