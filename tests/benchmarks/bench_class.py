"""What a class costs: ``python tests/benchmarks/bench_class.py [SIZE …] [--full] [--jobs N]``.

Each class is made of the sample notebooks, told apart by a comment, and graded by the real command; then
once more, unchanged. ``overhead`` is the median of what a submission took beyond waiting for the student's
code and for the networks that the judge plays. Processor time is the system's count of all processes that
ended, and were waited for, below the command.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import usage

SUBMISSIONS = Path(__file__).parent.parent.parent / "submissions"
NAMES = ("alice", "bob", "carol")
COLUMNS = ("size", "seconds", "a minute", "CPU s each", "cores used", "student s", "overhead s", "peak MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10])
    parser.add_argument("--full", action="store_true", help="with the short training")
    parser.add_argument("--jobs", default="2")
    arguments = parser.parse_args()
    options = ["--jobs", arguments.jobs, *([] if arguments.full else ["--quick"])]
    print(" ".join(f"{column:>10}" for column in COLUMNS), f"{'unchanged, s':>12}")
    for size in arguments.sizes:
        _measure(size, options)


def _measure(size: int, options: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        given, out = _class(Path(folder) / "class", size), Path(folder) / "out"
        spent = usage.of_grade([str(given), "--out", str(out), "-q", *options], every=2.0)
        again = usage.of_grade([str(given), "--out", str(out), "-q", *options])
        every = [json.loads(path.read_text())["seconds"] for path in out.glob("*.json")]
    student = [seconds.get("student", 0.0) for seconds in every]
    overhead = [seconds["total"] - seconds.get("student", 0.0) for seconds in every]
    figures = (
        *(size, spent.seconds, 60 * size / spent.seconds),
        *(spent.processor / size, spent.processor / spent.seconds),
        *(statistics.median(student), statistics.median(overhead), spent.peak),
    )
    print(" ".join(f"{figure:10.1f}" for figure in figures), f"{again.seconds:12.2f}", flush=True)


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
