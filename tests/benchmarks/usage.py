"""Measure the time and memory of a command and all processes below it."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Usage:
    """Resources that a command used.

    Attributes:
        processor: CPU seconds of all processes that ended and were waited for.
        peak: megabytes of all processes, shared pages divided among them (PSS).
        own_peak: megabytes of the command's own process (RSS).
    """

    seconds: float = 0.0
    processor: float = 0.0
    peak: float = 0.0
    own_peak: float = 0.0


def of_grade(arguments: Sequence[str], every: float = 0.1) -> Usage:
    """Run ``grade`` with these arguments; sample its memory at this interval, in seconds."""
    used, started, before = Usage(), time.monotonic(), _processor()
    process = subprocess.Popen([sys.executable, "-m", "grader", *arguments], stdout=subprocess.DEVNULL)
    while True:
        used.peak = max(used.peak, _memory(process.pid))
        used.own_peak = max(used.own_peak, _own(process.pid))
        try:
            process.wait(every)
        except subprocess.TimeoutExpired:
            continue
        used.seconds, used.processor = time.monotonic() - started, _processor() - before
        return used


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(pid: int) -> float:
    try:
        root = psutil.Process(pid)
        every = [root, *root.children(recursive=True)]
        return sum(float(process.memory_full_info().pss) for process in every) / 2**20
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0  # it ended meanwhile; the next sample sees the others


def _own(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
