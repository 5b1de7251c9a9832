"""Measure where the time and memory of a grade go: ``python tests/benchmarks/bench_grade.py [NOTEBOOK ...]``.

``start`` lasts until the student's code is loaded, imports included; ``walls`` is what the sandbox adds to
the start of a worker, ``questions`` the time of all other calls, ``report`` what follows the last check.
Training runs beside the other calls and the sampling, so the parts add up to more than the total.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import usage
from bench_walls import starting

from grader.sandbox.isolation import measure
from grader.sandbox.zygote import Zygote

SUBMISSIONS = Path(__file__).parent.parent.parent / "submissions"
KINDS = {"full": [], "quick": ["--quick"]}
COLUMNS = ("start", "extract", "walls", "questions", "training", "sampling", "report", "total", "peak MB")


def main() -> None:
    notebooks = [Path(given) for given in sys.argv[1:]] or [SUBMISSIONS / "alice.ipynb"]
    with Zygote(layers=()) as unsandboxed, Zygote(layers=measure().layers) as sandboxed:
        walls = starting(sandboxed) - starting(unsandboxed)
    print(f"{'notebook':<10} {'kind':<6} " + " ".join(f"{column:>9}" for column in COLUMNS))
    for notebook in notebooks:
        for kind, options in KINDS.items():
            _measure(notebook, kind, options, walls)


def _measure(notebook: Path, kind: str, options: list[str], walls: float) -> None:
    with tempfile.TemporaryDirectory() as out:
        used = usage.of_grade([str(notebook), "--out", out, "-q", *options])
        result = json.loads((Path(out) / f"{notebook.stem}.json").read_text())
    seconds = result["seconds"]
    training, sampling = seconds.get("training", 0.0), seconds.get("sampling", 0.0)
    parts = (
        *(seconds["start"], seconds["extraction"], walls, seconds["student"] - training - sampling),
        *(training, sampling, used.seconds - seconds["total"], used.seconds),
    )
    figures = " ".join(f"{part:9.2f}" for part in parts)
    print(f"{notebook.stem:<10} {kind:<6} {figures} {used.peak:9.0f}", flush=True)


if __name__ == "__main__":
    main()
