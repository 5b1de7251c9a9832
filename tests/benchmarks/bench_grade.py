"""Where a grade's seconds and memory go: ``python tests/benchmarks/bench_grade.py [NOTEBOOK …]``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

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
        command = [sys.executable, "-m", "grader", str(notebook), "--out", out, "-q"]
        command += ["--quick"] if kind == "quick" else []
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.1)
        total = time.monotonic() - started
        seconds = json.loads((Path(out) / f"{notebook.stem}.json").read_text())["seconds"]
    training, sampling = seconds.get("training", 0.0), seconds.get("sampling", 0.0)
    parts = (seconds["start"], training, sampling, total - seconds["start"] - training - sampling, total)
    print(f"{notebook.stem:<12} {kind:<6} " + " ".join(f"{part:7.1f}" for part in parts) + f" {peak:8.0f}")


def _memory(pid: int) -> float:
    """Megabytes of the process and all below it; what they share is shared out among them (PSS)."""
    try:
        root = psutil.Process(pid)
        every = [root, *root.children(recursive=True)]
        return sum(float(process.memory_full_info().pss) for process in every) / 2**20
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0


if __name__ == "__main__":
    main()
