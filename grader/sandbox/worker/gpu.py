"""First use of a GPU, and the settings under which a worker computes on it."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


def start() -> None:
    """Make CUDA's driver and libraries initialise themselves while the sandbox still lets them.

    They open sockets and device files on first use: of the context, of pinned memory, of cuDNN, of the
    autograd engine's GPU thread and of cuBLAS. If that fails, ``prepare`` reports it.
    """
    with contextlib.suppress(Exception):
        torch.zeros(16 << 20, pin_memory=True)  # 64 MB, which torch keeps for later pinned allocations
        image = torch.zeros(1, 1, 8, 8).to("cuda").requires_grad_()
        blurred = torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device="cuda"))
        torch.autograd.grad(blurred.sum(), image)
        (image[0, 0] @ image[0, 0]).cpu()


def prepare(share: float) -> None:
    """Make the GPU compute as closely to the CPU as it can, and limit this process's share of its memory.

    Args:
        share: fraction of the GPU's memory that torch may allocate in this process.

    Raises:
        RuntimeError: CUDA does not work here.
    """
    torch.zeros(1, device="cuda")
    torch.cuda.set_per_process_memory_fraction(share)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    # TF32 rounds to ten bits of mantissa; the tolerances are made for float32.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False  # costs time, and the CPU does not do it either
