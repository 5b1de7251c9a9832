"""Run every benchmark: ``python tests/benchmarks``; takes half an hour on an idle machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = sorted(Path(__file__).parent.glob("bench_*.py"))


def main() -> None:
    for script in SCRIPTS:
        print(f"\n{script.name}", flush=True)
        subprocess.run([sys.executable, script], check=False)


if __name__ == "__main__":
    main()
