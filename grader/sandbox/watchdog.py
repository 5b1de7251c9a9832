"""Watches a worker from outside: memory, threads and files, which no limit of the kernel's covers wholly."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PERIOD_MS = 100
MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """What one worker may use at a time."""

    memory: int = 4 * GIB  # beyond what it was born with
    disk: int = 512 * MIB
    files: int = 5000
    threads: int = 256


class Watchdog(threading.Thread):
    """Ends a worker that goes beyond its limits; when it has ended, for whatever violation, tells so.

    Attributes:
        violation: what the worker did beyond its limits, to go after "it": "used more than 4 GB of memory".
        processor: seconds of a core that it took, once it has ended.
    """

    def __init__(
        self, pid: int, descriptor: int, scratch: Path, limits: ResourceLimits, ended: Callable[[], None]
    ) -> None:
        """
        Args:
            descriptor: the process's own (pidfd); a copy of it is kept until the process has ended.
            ended: called in this thread, once.
        """
        super().__init__(daemon=True)
        self.violation: str | None = None
        self.cpu_seconds = 0.0
        self._pid, self._descriptor = pid, os.dup(descriptor)
        self._scratch, self._limits, self._ended = scratch, limits, ended
        self._born_with, _ = _memory_and_threads(pid)  # what it shares with the process it was forked from

    def run(self) -> None:
        """Look ten times a second, until the process has ended."""
        end = select.poll()
        end.register(self._descriptor, select.POLLIN)
        while not end.poll(_PERIOD_MS):
            if self.violation is None and (violation := self._violation()):
                self.violation = violation  # before it dies, so that whoever finds it dead can say why
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        self.cpu_seconds = _cpu_seconds(self._pid)  # nobody has collected it yet
        os.close(self._descriptor)
        self._ended()

    def _violation(self) -> str | None:
        limits = self._limits
        memory, threads = _memory_and_threads(self._pid)
        if memory - self._born_with > limits.memory:
            return f"used more than {_size(limits.memory)} of memory"
        if threads > limits.threads:
            return f"started more than {limits.threads} threads"
        try:
            size, files = disk_usage(self._scratch, limits.files)
        except OSError:
            return "made a folder that cannot be looked into"
        if size > limits.disk:
            return f"wrote more than {_size(limits.disk)} of files"
        if files > limits.files:
            return f"made more than {limits.files:,} files"
        return None


def disk_usage(folder: Path, most: int) -> tuple[int, int]:
    """Bytes on disk below a folder, and how many entries; counting ends above ``most`` entries.

    Raises:
        OSError: a folder cannot be read, or lies too deep to be named.
    """
    size, entries, folders = 0, 0, [str(folder)]
    while folders and entries <= most:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as inside:
            for entry in inside:
                entries += 1
                with suppress(FileNotFoundError):
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return size, entries


def remove_tree(folder: Path) -> None:
    """Remove a folder that a worker, now ended, has filled; however deep, whatever the modes.

    What lies deeper is moved up first: names of folders in folders may be longer than any call takes.
    """
    number = 0
    with suppress(OSError):
        while inside := _entries(folder):
            for entry in inside:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry)
                    continue
                for deeper in _entries(Path(entry)):
                    if deeper.is_dir(follow_symlinks=False):
                        os.chmod(deeper, 0o700)  # moving a folder changes what it holds: ".."
                        os.rename(deeper, folder / f".{(number := number + 1)}")
                    else:
                        os.unlink(deeper)
                os.rmdir(entry)
        os.rmdir(folder)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    os.chmod(folder, 0o700)
    with os.scandir(folder) as entries:
        return list(entries)


def _memory_and_threads(pid: int) -> tuple[int, int]:
    """Bytes that are in memory for this process alone, and its threads; zeros once it has ended."""
    found = dict.fromkeys(("RssAnon", "RssShmem", "Threads"), 0)
    with suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0])
    return (found["RssAnon"] + found["RssShmem"]) << 10, found["Threads"]


def _cpu_seconds(pid: int) -> float:
    """Seconds of a core that a process took, which may have ended but is still known to the system."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat") as about:
        fields = about.read().rpartition(")")[2].split()  # a name may hold anything
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _size(size: int) -> str:
    return f"{size / GIB:g} GB" if size >= GIB else f"{size // MIB} MB"
