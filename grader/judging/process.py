"""Judge processes: their events and exit code, how to kill one, and how to start one in a new Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from grader.sandbox.environment import COMPUTE_ENVIRONMENT, TUNABLES

_PACKAGES = Path(__file__).parents[2]
ERRORS = "errors.txt"  # file in the judge's folder with its standard error


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgeProcess:
    """A running judge.

    Attributes:
        events: its standard output, one event a line, until it ends.
        stdin: its standard input, held open and never written to; see ``grader.judging.orphan_guard``.
        kill: kills it at once; does nothing once it has ended.
        wait: waits for it and returns its exit code; None or a negative number if it was killed.
        pid: its process id.
    """

    events: TextIO
    stdin: TextIO
    kill: Callable[[], None]
    wait: Callable[[], int | None]
    pid: int | None = None

    def end(self) -> int | None:
        """Kill it unless it has ended, and close its streams. Returns what ``wait`` does."""
        self.kill()
        code = self.wait()
        self.events.close()
        self.stdin.close()
        return code


StartJudge = Callable[[Sequence[str], Path], JudgeProcess]
"""Starts a judge: pytest with these arguments, in this folder."""


def start_fresh(arguments: Sequence[str], folder: Path) -> JudgeProcess:
    """Start a judge in a new Python process, which takes seconds to import everything but shares nothing."""
    with open(folder / ERRORS, "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pytest", *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the caller only, which ends its judges
        )
    assert process.stdin is not None
    assert process.stdout is not None
    return JudgeProcess(
        events=process.stdout,  # type: ignore[arg-type]
        stdin=process.stdin,  # type: ignore[arg-type]
        kill=process.kill,
        wait=process.wait,
        pid=process.pid,
    )


def environment() -> dict[str, str]:
    """Return the caller's environment without variables that could influence Python or pytest."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON", "COV_"))}
    # Keep the user's own tunables: they were set for a reason.
    tunables = ":".join(filter(None, (kept.get(TUNABLES), COMPUTE_ENVIRONMENT[TUNABLES])))
    ours = {TUNABLES: tunables, "PYTHONPATH": str(_PACKAGES), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # Asks the driver library whether there is a GPU: initialising CUDA here would break every fork after it.
    gpu_check = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
    return kept | COMPUTE_ENVIRONMENT | ours | gpu_check
