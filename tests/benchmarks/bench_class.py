"""Measure the cost of a class.

Usage: ``python tests/benchmarks/bench_class.py [SIZE ...] [--full] [--jobs N]``.

Each class consists of copies of the sample notebooks, distinguished by a comment. The real command grades it,
and then grades it again unchanged.

``student`` is the median CPU time of the student's workers and of the network that the judge runs for them.
``overhead`` is the CPU time that each further submission takes besides, measured against a class of two,
which includes the imports. ``share`` is the student's share of all CPU time, imports included. CPU time is
what the system counts for all processes below the command that ended and were waited for.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import usage

SUBMISSIONS = Path(__file__).parent.parent.parent / "submissions"
NAMES = ("alice", "bob", "carol")
LEAST = 2
COLUMNS = ("size", "seconds", "a minute", "cores used", "student s", "overhead s", "share %", "peak MB")


@dataclass(frozen=True, slots=True)
class Class:
    """Cost of one class: in all, again unchanged, and the CPU seconds of each student's own code."""

    size: int
    spent: usage.Usage
    again: usage.Usage
    students: Sequence[float]

    @property
    def rest(self) -> float:
        """CPU seconds outside students' code."""
        return self.spent.processor - sum(self.students)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10])
    parser.add_argument("--full", action="store_true", help="include the short training")
    parser.add_argument("--jobs", default="2")
    arguments = parser.parse_args()
    options = ["--jobs", arguments.jobs, *([] if arguments.full else ["--quick"])]
    print(" ".join(f"{column:>10}" for column in COLUMNS), f"{'unchanged, s':>12}")
    least = _graded(LEAST, options)
    for size in arguments.sizes:
        _print(_graded(size, options), least)


def _graded(size: int, options: list[str]) -> Class:
    with tempfile.TemporaryDirectory() as folder:
        given, out = _class(Path(folder) / "class", size), Path(folder) / "out"
        spent = usage.of_grade([str(given), "--out", str(out), "-q", *options], every=2.0)
        again = usage.of_grade([str(given), "--out", str(out), "-q", *options])
        every = [json.loads(path.read_text())["seconds"] for path in out.glob("*.json")]
    return Class(size, spent, again, [seconds.get("processor", 0.0) for seconds in every])


def _print(one: Class, least: Class) -> None:
    spent, students = one.spent, one.students
    figures = (
        *(one.size, spent.seconds, 60 * one.size / spent.seconds, spent.processor / spent.seconds),
        *(statistics.median(students), (one.rest - least.rest) / max(one.size - least.size, 1)),
        *(100 * sum(students) / spent.processor, spent.peak),
    )
    print(" ".join(f"{figure:10.2f}" for figure in figures), f"{one.again.seconds:12.2f}", flush=True)


def _class(folder: Path, size: int) -> Path:
    folder.mkdir()
    for number in range(size):
        name = NAMES[number % len(NAMES)]
        content = json.loads((SUBMISSIONS / f"{name}.ipynb").read_text())
        cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
        cell["source"] = "".join(cell["source"]) + f"\n# {number}"
        (folder / f"student{number:04}.ipynb").write_text(json.dumps(content))
    return folder


if __name__ == "__main__":
    main()
