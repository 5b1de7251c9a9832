"""Measure what the sandbox adds to starting a worker and training in it.

Usage: ``python tests/benchmarks/bench_walls.py``.
"""

from __future__ import annotations

import statistics
import time

from grader.sandbox.isolation import measure
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.zygote import Zygote

WORKERS, ROUNDS, STEPS = 20, 10, 30
SOURCE = f"""
import time
import torch
from torch import nn
network = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1))
optimizer = torch.optim.Adam(network.parameters())
images = torch.rand(64, 1, 28, 28)
def train():
    started = time.process_time()
    for _ in range({STEPS}):
        optimizer.zero_grad()
        loss = ((network(images) - images) ** 2).mean()
        loss.backward()
        optimizer.step()
    return time.process_time() - started
"""


def main() -> None:
    started = time.perf_counter()
    isolation = measure()
    print(f"probe: {time.perf_counter() - started:.3f} s, level {isolation.level}")
    with Zygote(layers=()) as unsandboxed, Zygote(layers=isolation.layers) as sandboxed:
        zygotes = {"without sandbox": unsandboxed, "with sandbox": sandboxed}
        for name, zygote in zygotes.items():
            print(f"worker {name}: {starting(zygote) * 1000:.1f} ms")
        _compare_training(zygotes)


def starting(zygote: Zygote) -> float:
    """Return the median seconds from the request for a worker to its greeting."""
    zygote.worker().close()  # wait until the zygote has imported everything
    seconds = []
    for _ in range(WORKERS):
        started = time.perf_counter()
        connection = zygote.worker()
        seconds.append(time.perf_counter() - started)
        connection.close()
    return statistics.median(seconds)


def _compare_training(zygotes: dict[str, Zygote]) -> None:
    """Compare the CPU time of the same steps, in turn, since the speed of a machine varies over time."""
    source = WorkerSource(statements=[{"source": SOURCE, "cell": 1, "line": 1, "flags": 0}])
    students = {name: Student(zygote=zygote, source=source) for name, zygote in zygotes.items()}
    seconds: dict[str, list[float]] = {name: [] for name in students}
    for number in range(ROUNDS + 1):
        for name, student in students.items():
            spent = student.call("train", timeout=120.0)
            if number:  # the first round only warms up
                seconds[name].append(spent)
    best = {name: min(times) for name, times in seconds.items()}
    for name, student in students.items():
        print(f"{STEPS} training steps {name}: {best[name]:.3f} s")
        student.close()
    print(f"ratio: {best['with sandbox'] / best['without sandbox']:.3f}")


if __name__ == "__main__":
    main()
