"""Ask a plain interpreter for the numbers that a notebook computes, independent of probes and checks.

The numbers are those that ``audit/numbers.py`` in the rubric's folder names: its ``measure(notebook)``
yields a name and a function without arguments for each quantity (see ``server.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from grader.closing import Closing

TOLERANCE = 3e-4  # of the largest value; float32 in another order of operations changes some 1e-6 of it


@dataclass(frozen=True, slots=True)
class Numbers:
    """Quantities of one notebook.

    Attributes:
        values: the values of each quantity that could be computed, flattened; long ones as a sample of them.
        errors: type and message of the error, for each quantity that could not.
        seconds: time that the notebook took.
    """

    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


class NumericOracle(Closing):
    """A process that executes notebooks, each in a fork of its own; a context manager.

    It imports the libraries once, so a notebook takes a fraction of a second. Any thread may ask; one
    notebook is executed at a time.

    Args:
        rubric_folder: the rubric whose script says what is computed.
        script: its file name in the folder ``audit``.
        timeout: seconds after which a notebook is ended.
    """

    def __init__(self, rubric_folder: Path, *, script: str = "numbers.py", timeout: float = 60.0) -> None:
        self._lock, self._known_lock = Lock(), Lock()
        self._known: dict[tuple[str, ...], Numbers] = {}
        here = Path(__file__).resolve()
        environment = {
            **os.environ,
            "PYTHONPATH": str(here.parents[3]),
            "MPLBACKEND": "agg",
            "TQDM_DISABLE": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "grader.audit.numbers.server"),
                *(str(rubric_folder / "audit" / script), str(timeout)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def ask(self, cells: Sequence[str]) -> Numbers:
        """Return the numbers of a notebook with these code cells, executed from top to bottom.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(list(cells)) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the plain interpreter has ended")
        found = json.loads(answer)
        values = {name: tuple(numbers) for name, numbers in found["values"].items()}
        return Numbers(values, found["errors"], found["seconds"])

    def ask_once(self, cells: Sequence[str]) -> Numbers:
        """Return the numbers of a notebook that is asked about often; it is executed once."""
        with self._known_lock:
            if (key := tuple(cells)) not in self._known:
                self._known[key] = self.ask(cells)
            return self._known[key]

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()


def differences(before: Numbers, after: Numbers) -> dict[str, str]:
    """Return what differs, by the name of the quantity: other values, or an error in one of the two.

    A quantity that could be computed in neither is no difference.
    """
    found = {}
    for name in before.values | before.errors | after.values | after.errors:
        old, new = before.values.get(name), after.values.get(name)
        if old is None and new is None:
            continue
        if new is None:
            found[name] = after.errors.get(name, "missing")
        elif old is None:
            found[name] = f"no longer fails ({before.errors.get(name, 'missing')})"
        elif len(old) != len(new):
            found[name] = f"{len(new)} values, not {len(old)}"
        elif off := _largest_difference(old, new):
            found[name] = f"differs by {off:.2g}"
    return found


def _largest_difference(old: Sequence[float], new: Sequence[float]) -> float:
    """Return the largest difference if it is beyond the tolerance, else 0."""
    finite = [abs(value) for value in old if value == value and abs(value) != float("inf")]
    allowed = TOLERANCE * max(finite, default=0.0) + 1e-7
    off = [
        float("inf") if (one == one) != (two == two) else abs(one - two)
        for one, two in zip(old, new, strict=True)
        if one != two and (one == one or two == two)
    ]
    largest = max(off, default=0.0)
    return largest if largest > allowed else 0.0


def same_meaning(before: Numbers, after: Numbers) -> bool:
    """Return whether a notebook still computes the same numbers after it was rewritten.

    Quantities named ``.alone`` depend on stand-ins for other parts, which need not suit a notebook
    whose parts call one another in another way. They may fail if the part's other quantities are the same.
    """
    found = differences(before, after)
    for name in list(found):
        part, _, quantity = name.partition(".")
        others = [each for each in after.values if each.startswith(f"{part}.") and ".alone" not in each]
        fails = name not in after.values
        if quantity.startswith("alone") and fails and others and not any(each in found for each in others):
            del found[name]
    return not found and "notebook" not in after.errors
