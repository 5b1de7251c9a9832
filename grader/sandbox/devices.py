"""Which device student code runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import torch

from grader.sandbox.worker_process import can_fork

_MAKER = "nvidia-modprobe"  # set-uid root; CUDA runs it itself, which behind walls it cannot


def resolve_device(wish: str) -> str:
    """``cpu`` or ``cuda``, for ``auto`` what there is; from here on no GPU is there for this process itself.

    An optimiser's step or a backward pass, on the processor, would take memory from the GPU. Its workers were
    started, or forked, with the environment that was before.
    """
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    if wish == "cuda":
        _make_device_file()
    if can_fork():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return wish


def _make_device_file() -> None:
    """The file of CUDA's unified memory, which on some machines only the first use of CUDA makes."""
    missing = Path("/dev/nvidiactl").exists() and not Path("/dev/nvidia-uvm").exists()
    if missing and (tool := shutil.which(_MAKER)):
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run([tool, "-u", "-c", "0"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
