"""Print as JSON what this machine computes with: versions, instruction set, GPU, and results of a small test.

Run as a process of its own, since it imports torch::

    {"torch": str, "instructions": str, "gpu": str | null,
     "results": [float, ...]}    seeded random numbers, sums of products, and losses of a short training

Between machines with other instruction sets the results differ by rounding alone; other random numbers, or a
kernel that computes something else, show as a large difference.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from torch.nn import GELU, Conv2d, GroupNorm, Sequential, functional

_STEPS = 20


def measure() -> dict[str, Any]:
    """Return the facts and results described above."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(2026)
    image = torch.randn(8, 3, 28, 28, generator=generator)
    results = [*image[0, 0, 0, :4].tolist(), *torch.randint(1 << 20, (2,), generator=generator).tolist()]
    matrix = torch.rand(256, 256, generator=generator)
    results += [(matrix @ matrix).sum().item(), matrix.exp().mean().item(), matrix.softmax(1).std().item()]
    return {
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "results": [*results, *_losses(image)],
    }


def _losses(image: torch.Tensor) -> list[float]:
    """Return the first, middle and last loss of a short training of a small network."""
    torch.manual_seed(2026)
    network = Sequential(Conv2d(3, 8, 3, padding=1), GroupNorm(2, 8), GELU(), Conv2d(8, 3, 3, padding=1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(_STEPS):
        loss = functional.mse_loss(network(image), image)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return [losses[0], losses[_STEPS // 2], losses[-1]]


if __name__ == "__main__":
    print(json.dumps(measure()))
