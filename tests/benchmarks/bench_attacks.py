"""Measure the time that attacks cost: ``python tests/benchmarks/bench_attacks.py``.

First the time from the deadline of a worker that refuses to end until a new worker has answered, then the
time to grade whole notebooks with an attack, beside the same notebook without one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import nbformat

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("support", "security"))

import hostile
from corpus import wrong

from grader.audit import corpus
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError
from grader.sandbox.zygote import Zygote

LIMIT = 1.0
STUBBORN = {
    "loops": "while True: pass",
    "loops, ignores signals": "for n in {*range(1, 32)} - {9, 19}: signal.signal(n, 1)\n    while True: pass",
    "catches all exceptions": "while True:\n        try: time.sleep(9)\n        except BaseException: pass",
    "stops itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "computes in 8 threads": "work = lambda: [torch.rand(99, 99).inverse() for _ in range(10**8)]\n"
    "    for n in range(8): threading.Thread(target=work).start()\n    time.sleep(99)",
    "holds 2 GB": "held = torch.ones(1 << 29); time.sleep(99)",
    "holds 4,000 files": "for n in range(4000): open(f'f{n}', 'w').close()\n    time.sleep(99)",
    "holds 400 MB on disk": "for n in range(50): open(f'{n}', 'wb').write(bytes(8 << 20))\n    time.sleep(5)",
    "floods standard output": "while True: os.write(1, bytes(1 << 16))",
}


def main() -> None:
    with Zygote() as zygote:
        for name, body in STUBBORN.items():
            print(f"{name:24} {_delay(zygote, body):6.2f} s after its deadline", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        plain = _seconds_to_grade(Path(folder), "honest", wrong("betas_reversed", "image_root_missing"))
        print(f"\n{'no attack':24} {plain:6.1f} s")
        for name in hostile.NAMES:
            spent = _seconds_to_grade(Path(folder), name, hostile.sources(name, Path(folder)))
            print(f"{name:24} {spent:6.1f} s", flush=True)


def _delay(zygote: Zygote, body: str) -> float:
    """Return the seconds from the deadline of a call until a new worker has answered the next one."""
    source = f"import os, signal, threading, time, torch\ndef f():\n    {body}\ndef g(): return 1\n"
    statement = {"source": source, "cell": 1, "line": 1, "flags": 0}
    student = Student(zygote=zygote, source=WorkerSource(statements=[statement]))
    student.call("g", timeout=LIMIT)
    started = time.monotonic()
    with suppress(StudentError):
        student.call("f", timeout=LIMIT)
    student.call("g", timeout=30.0)
    student.close()
    return time.monotonic() - started - LIMIT


def _seconds_to_grade(folder: Path, name: str, cells: list[str]) -> float:
    """Return the seconds that the real command takes for one notebook, without training."""
    path = folder / f"{name}.ipynb"
    nbformat.write(corpus.notebook(cells), path)
    grade = str(Path(sys.executable).with_name("grade"))
    started = time.monotonic()
    subprocess.run([grade, path, "--quick", "--out", folder], capture_output=True, check=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
