"""A judge as a process: what is heard of it, how it is ended, and how one is started afresh."""

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
ERRORS = "errors.txt"  # in the judge's folder: what it wrote to standard error


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgeProcess:
    """A judge at work.

    Attributes:
        events: its standard output, a line for each event, until it ends.
        leash: its standard input, held and never written to: see ``grader.judging.orphan_guard``.
        kill: ends it at once; does nothing once it has ended.
        wait: its exit code when it has ended; None, or below 0, where something else ended it.
    """

    events: TextIO
    leash: TextIO
    kill: Callable[[], None]
    wait: Callable[[], int | None]

    def end(self) -> int | None:
        """Kill it unless it has ended, and let go of it. Returns what ``wait`` does."""
        self.kill()
        code = self.wait()
        self.events.close()
        self.leash.close()
        return code


Start = Callable[[Sequence[str], Path], JudgeProcess]
"""Starts a judge: pytest with these arguments, in this folder."""


def start_afresh(arguments: Sequence[str], folder: Path) -> JudgeProcess:
    """A judge in a new Python: seconds of imports, and nothing to be had from anywhere."""
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
            start_new_session=True,  # Ctrl-C is for the batch to answer, not for each judge
        )
    assert process.stdin is not None
    assert process.stdout is not None
    return JudgeProcess(events=process.stdout, leash=process.stdin, kill=process.kill, wait=process.wait)  # type: ignore[arg-type]


def environment() -> dict[str, str]:
    """The caller's, less what could steer Python or pytest."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON", "COV_"))}
    # Keep the user's own tunables: they were set for a reason.
    tunables = ":".join(filter(None, (kept.get(TUNABLES), COMPUTE_ENVIRONMENT[TUNABLES])))
    ours = {TUNABLES: tunables, "PYTHONPATH": str(_PACKAGES), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    look = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}  # whether there is a GPU: without starting CUDA in a judge
    return kept | COMPUTE_ENVIRONMENT | ours | look
