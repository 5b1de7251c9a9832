"""Where a grade's seconds and memory go: ``python tests/benchmarks/bench_grade.py [NOTEBOOK …]``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import usage

SUBMISSIONS = Path(__file__).parent.parent.parent / "submissions"
KINDS = ("full", "quick")


def main() -> None:
    notebooks = [Path(given) for given in sys.argv[1:]] or [SUBMISSIONS / "alice.ipynb"]
    columns = ("set-up", "train", "sample", "else", "total", "peak MB")
    print(f"{'notebook':<12} {'kind':<6} " + " ".join(f"{column:>7}" for column in columns))
    for notebook in notebooks:
        for kind in KINDS:
            _measure(notebook, kind)


def _measure(notebook: Path, kind: str) -> None:
    with tempfile.TemporaryDirectory() as out:
        options = ["--quick"] if kind == "quick" else []
        used = usage.of_grade([str(notebook), "--out", out, "-q", *options])
        seconds = json.loads((Path(out) / f"{notebook.stem}.json").read_text())["seconds"]
    training, sampling = seconds.get("training", 0.0), seconds.get("sampling", 0.0)
    rest = used.seconds - seconds["start"] - training - sampling
    parts = (seconds["start"], training, sampling, rest, used.seconds)
    print(
        f"{notebook.stem:<12} {kind:<6} " + " ".join(f"{part:7.1f}" for part in parts) + f" {used.peak:8.0f}"
    )


if __name__ == "__main__":
    main()
