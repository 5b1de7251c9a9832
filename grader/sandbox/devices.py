"""Choice of the device that student code runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import torch

from grader.sandbox.worker_process import can_fork

_NVIDIA_MODPROBE = "nvidia-modprobe"  # set-uid root; CUDA runs it itself, but a sandboxed worker cannot


def resolve_device(requested: str) -> str:
    """Return ``cpu`` or ``cuda``, and hide the GPU from this process.

    A judge computes on the CPU only, but even there an optimizer step or a backward pass would start CUDA
    and take GPU memory. The workers' environment was read earlier, so they still see the GPU.

    Args:
        requested: ``cpu``, ``cuda``, or ``auto`` for a GPU where there is one.
    """
    device = requested
    if requested == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        _make_device_file()
    if can_fork():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return device


def _make_device_file() -> None:
    """Create the device file of CUDA's unified memory, which on some machines appears with the first use."""
    missing = Path("/dev/nvidiactl").exists() and not Path("/dev/nvidia-uvm").exists()
    if missing and (tool := shutil.which(_NVIDIA_MODPROBE)):
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run([tool, "-u", "-c", "0"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
