"""Measure the cost of a class by its size and by the number of notebooks graded at once.

Usage: ``python tests/benchmarks/bench_queue.py [--jobs N ...] [--sizes N ...]``. The homework is one line, so
that the time is the grader's own. ``each`` is the time for a further submission, measured against a class of
two, which includes the imports. ``grown`` is the additional memory of the command itself, which holds what is
kept of a class.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import homework
import nbformat
import usage

LEAST, MANY = 2, 128
JOBS, SIZES = (1, 2, 4, 8, 16, 32, 64), (10, 100, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", nargs="*", type=int, default=JOBS)
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES)
    arguments = parser.parse_args()
    print("| at once | submissions | seconds | each, ms | peak MB | grown MB |\n|---|---|---|---|---|---|")
    least = _graded(LEAST, jobs=2)
    for jobs, size in (*((jobs, MANY) for jobs in arguments.jobs), *((2, size) for size in arguments.sizes)):
        one = _graded(size, jobs)
        each, grown = 1000 * (one.seconds - least.seconds) / (size - LEAST), one.own_peak - least.own_peak
        figures = (jobs, size, f"{one.seconds:.1f}", *(f"{value:.0f}" for value in (each, one.peak, grown)))
        print(f"| {' | '.join(map(str, figures))} |", flush=True)


def _graded(size: int, jobs: int) -> usage.Usage:
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "class", Path(folder) / "out"
        given.mkdir()
        for number in range(size):
            solution = f"{homework.SQUARE.solution}\n# {number}"
            nbformat.write(homework.notebook(solution), given / f"student{number:04}.ipynb")
        asked = homework.SQUARE.options(Path(folder) / "rubric")
        return usage.of_grade([str(given), *asked, "--out", str(out), "-q", "--jobs", str(jobs)], every=1.0)


if __name__ == "__main__":
    main()
