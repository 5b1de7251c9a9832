"""Judge a hand-in again for a request, in a process of its own that changes nothing in the gradebook."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

_FOLDER = "reproduced"  # below the results, where `grade reproduce` writes its report


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """A hand-in that is being judged again for a request."""

    request: int
    who: str
    process: subprocess.Popen[str]

    @property
    def is_running(self) -> bool:
        """Whether its outcome is still to come."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it without an outcome."""
        self.process.terminate()


def command(out: Path, key: str) -> str:
    """Return the command that judges a student's hand-in again, as one types it."""
    return shlex.join(["grade", "reproduce", key, "--out", str(out)])


def report_of(out: Path, key: str) -> Path:
    """Return where the report of a new judging is."""
    return out / _FOLDER / f"{key}.html"


def judge_again(out: Path, key: str, request: int, who: str, when_done: Callable[[str], object]) -> Judging:
    """Start to judge a hand-in again; ``when_done`` is called in another thread with what was printed."""
    words = ["reproduce", key, "--out", str(out), "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "grader", *words],  # -P: no module of the folder that we were started in
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )

    def wait() -> None:
        said, _ = process.communicate()
        if process.returncode >= 0:  # else it was stopped
            when_done(said)

    Thread(target=wait, daemon=True).start()
    return Judging(request=request, who=who, process=process)
