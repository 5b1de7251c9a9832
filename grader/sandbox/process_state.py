"""State of another process, by the kernel: its processor time, and whether it runs, sleeps or is stopped."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """A process at one moment.

    Attributes:
        cpu_seconds: processor time of all its threads so far.
        is_stopped: stopped by a signal or a debugger; only another process lets it go on.
        is_asleep: every thread waits by its own choice: for a timer, a lock or input, not for a processor or
            a disk.
    """

    cpu_seconds: float
    is_stopped: bool
    is_asleep: bool


def process_state(pid: int) -> ProcessState | None:
    """Return the state of a process, even if it has ended but was not reaped; None if that is not known."""
    try:
        state, cpu_seconds = _read_stat(Path(f"/proc/{pid}/stat"))
        threads = {state}
        if state == "S":
            with suppress(FileNotFoundError):  # a thread that has just ended
                threads = {_read_stat(folder / "stat")[0] for folder in Path(f"/proc/{pid}/task").iterdir()}
    except (OSError, ValueError, IndexError):
        return None
    return ProcessState(cpu_seconds=cpu_seconds, is_stopped=state in "Tt", is_asleep=threads == {"S"})


def time_used(pid: int | None, threads: int) -> float:
    """Return the processor time of a process on each of its threads, and of this thread, in seconds.

    The time on the clock replaces it where it is not known.
    """
    state = None if pid is None else process_state(pid)
    return state.cpu_seconds / threads + time.thread_time() if state else time.monotonic()


def memory_kills() -> int:
    """Return how many processes the kernel has killed because memory ran out; 0 if it does not say."""
    with suppress(OSError, ValueError), open("/proc/vmstat") as statistics:
        for line in statistics:
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return 0


def _read_stat(path: Path) -> tuple[str, float]:
    """Return the state letter and the processor time in seconds."""
    fields = path.read_text().rpartition(")")[2].split()  # the name before it may contain spaces and brackets
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
