"""Grade the same class with the same checks by otter-grader, nbgrader and this grader, one after another.

Usage: ``python tests/benchmarks/bench_throughput.py [SIZE ...] [--peers FOLDER] [--only-ours] [--square]``,
where FOLDER keeps the other graders' environment. The homework is the handout's schedule and network with
five facts about them, or one function of one line; so the time is the graders' own: kernels, imports,
sandbox, reports. Each runs as a TA would run it on one machine (``otter run`` for each notebook, ``nbgrader
autograde`` and ``generate_feedback`` for all, ``grade FOLDER``).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import homework
import peers
from homework import Homework


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10])
    parser.add_argument("--peers", type=Path, help="the other graders' environment")
    parser.add_argument(
        "--only-ours", action="store_true", help="leave out the other graders, which are slow"
    )
    parser.add_argument("--square", action="store_true", help="the homework of one line")
    arguments = parser.parse_args()
    asked = homework.SQUARE if arguments.square else homework.DDPM
    print("| grader | notebooks | seconds | a minute | times slower than this grader |")
    print("|---|---|---|---|---|")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            _compare(asked, size, Path(folder), arguments.peers, only_ours=arguments.only_ours)


def _compare(asked: Homework, size: int, scratch: Path, environment: Path | None, *, only_ours: bool) -> None:
    graders = peers.graders(asked, scratch, environment or scratch / "peers", only_ours=only_ours)
    seconds: dict[str, float] = {}
    for name, grader in graders.items():
        for number in range(size):
            grader.hand_in(f"student{number:04}", f"{asked.solution}\n# {number}\n")
        started = time.monotonic()
        right = grader.grade_all()
        seconds[name] = time.monotonic() - started
        if right != size:
            raise SystemExit(f"{name} gave all points to {right} of {size} right notebooks")
    ours = seconds["this grader"]
    for name, taken in seconds.items():
        print(f"| {name} | {size} | {taken:.1f} | {60 * size / taken:.0f} | {taken / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
