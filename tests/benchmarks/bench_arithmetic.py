"""Compare the rate of the reference's training and sampling with that of a matrix product.

Usage: ``python tests/benchmarks/bench_arithmetic.py``. Floating-point operations are those of convolutions
and matrix products, as PyTorch counts them; threads and memory settings are those of a grade.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from grader.sandbox.environment import COMPUTE_ENVIRONMENT
from reference.unet import UNet

SIZE, BATCH, SAMPLES = 1024, 64, 10
REPEATS = 5


def main() -> None:
    torch.set_num_threads(1)
    left, right = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    network = UNet(1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def train() -> None:
        x, t = torch.randn(BATCH, 1, 28, 28), torch.rand(BATCH, 1)
        optimizer.zero_grad()
        nn.functional.mse_loss(network(x, t), x).backward()
        optimizer.step()

    @torch.no_grad()
    def sample() -> None:
        network(torch.randn(SAMPLES, 1, 28, 28), torch.rand(SAMPLES, 1))

    print("| what | GFLOP | ms | GFLOP/s | share of the matrix product's rate |")
    print("|---|---|---|---|---|")
    rate = None
    jobs: list[tuple[str, Callable[[], object]]] = [
        (f"matrix product, {SIZE} x {SIZE}", lambda: left @ right),
        (f"training step, batch of {BATCH}", train),
        (f"sampling step, {SAMPLES} images", sample),
    ]
    for name, job in jobs:
        with FlopCounterMode(display=False) as counter:
            job()
        operations, seconds = counter.get_total_flops() / 1e9, _fastest(job)
        rate = rate or operations / seconds
        share = operations / seconds / rate
        print(
            f"| {name} | {operations:.2f} | {1000 * seconds:.1f} | {operations / seconds:.0f} | {share:.0%} |"
        )


def _fastest(job: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several runs."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    if not COMPUTE_ENVIRONMENT.items() <= os.environ.items():  # these only take effect at process start
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | COMPUTE_ENVIRONMENT)
    main()
