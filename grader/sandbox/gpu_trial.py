"""Says whether there is a GPU, and whether a worker behind its walls can compute on it, as JSON.

For ``grade doctor``, which runs it in a process of its own: a broken driver may take down whoever asks::

    {"name": str | null, "why": str | null}     null: there is none; it works
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
    """What keeps a worker behind these walls from the GPU; None where nothing does."""
    with Zygote(layers=layers) as zygote:
        try:
            with Student(zygote=zygote, source=WorkerSource(statements=[]), device="cuda") as worker:
                worker.start()
        except (DeviceError, StudentError, WorkerError, WorkerStartError) as error:
            return str(error)
    return None


def check_gpu(layers: Sequence[str]) -> dict[str, str | None]:
    """What there is, and why it cannot be used."""
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
