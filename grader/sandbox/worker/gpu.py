"""The first use of a GPU, and how a worker computes there."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


def start() -> None:
    """Have CUDA's driver and libraries do what they do once. Where that fails, ``prepare`` will say so."""
    with contextlib.suppress(Exception):
        torch.zeros(16 << 20, pin_memory=True)  # 64 MB, which PyTorch keeps for whoever pins memory later
        image = torch.zeros(1, 1, 8, 8).to("cuda").requires_grad_()
        blurred = torch.nn.functional.conv2d(image, torch.ones(1, 1, 3, 3, device="cuda"))
        torch.autograd.grad(blurred.sum(), image)
        (image[0, 0] @ image[0, 0]).cpu()


def prepare(share: float) -> None:
    """Compute as the processor would, as far as a GPU can, and leave room for others.

    Args:
        share: of the GPU's memory, that PyTorch may take in this process.

    Raises:
        RuntimeError: CUDA does not work here.
    """
    torch.zeros(1, device="cuda")
    torch.cuda.set_per_process_memory_fraction(share)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # ten bits of mantissa
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False  # it would take time, and the processor does not
