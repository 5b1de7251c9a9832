"""Watchdog: enforce limits on a worker's memory, threads and files from outside.

The kernel's limits (``worker/walls/limits.py``) leave gaps, which this thread fills without privileges:

* Memory: with a GPU no ``RLIMIT_AS`` is possible, since CUDA reserves far more addresses than it uses. So the
  watchdog measures what is really held: resident anonymous and shared memory. Libraries that are mapped
  from files do not count, and what the worker shared with the zygote at its start is subtracted.
* Threads: ``RLIMIT_NPROC`` counts a user's threads on the whole machine, so it is not set.
* Files: ``RLIMIT_FSIZE`` bounds one file, not the folder and not the number of files. A file without a name
  (removed while open, or opened with ``O_TMPFILE``) takes space, too; see ``unnamed_files``.

A sandboxed worker is one process, so its own numbers are the total. The limits are enforced to a tenth of a
second, not to the byte.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.sandbox.process_state import memory_kills, process_state
from grader.sandbox.unnamed_files import unnamed_files

_PERIOD_MS = 100
MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """Limits on what one worker uses at any time: bytes, numbers of files and of threads."""

    memory: int = 4 * GIB  # in addition to what it shares with the zygote
    disk: int = 512 * MIB
    files: int = 5000
    threads: int = 256


class Watchdog(threading.Thread):
    """Thread that kills a worker which exceeds its limits, and runs a callback once the worker has ended.

    Attributes:
        violation: the limit that the worker exceeded, as a clause after "it" ("used more than 4 GB of
            memory"), or None.
        pid: process id of the worker.
        has_ended: set when the worker has.
        cpu_seconds: processor time of the worker, known once it has ended.
    """

    def __init__(
        self, pid: int, descriptor: int, scratch: Path, limits: ResourceLimits, ended: Callable[[], None]
    ) -> None:
        """
        Args:
            pid: process id of the worker.
            descriptor: pidfd of the worker; duplicated here, so that the caller may close it.
            scratch: folder that the worker writes to.
            limits: what the worker may use.
            ended: called once in this thread, when the worker has ended.
        """
        super().__init__(daemon=True)
        self.violation: str | None = None
        self.cpu_seconds = 0.0
        self.has_ended = threading.Event()
        self._memory_kills = memory_kills()
        self.pid, self._descriptor = pid, os.dup(descriptor)
        self._scratch, self._limits, self._ended = scratch.resolve(), limits, ended
        self._memory_at_start, _ = _memory_and_threads(pid)  # pages shared with the zygote

    def run(self) -> None:
        """Check the limits ten times a second until the process has ended."""
        end = select.poll()
        end.register(self._descriptor, select.POLLIN)  # a pidfd becomes readable when its process ends
        while not end.poll(_PERIOD_MS):
            if self.violation is None and (violation := self._violation()):
                self.violation = violation  # set before the kill: a reader sees the worker die and asks why
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        if state := process_state(self.pid):  # a zombie still: the zygote reaps it later
            self.cpu_seconds = state.cpu_seconds
        self.has_ended.set()
        os.close(self._descriptor)
        self._ended()

    @property
    def memory_ran_out(self) -> bool:
        """True if the kernel has killed a process for lack of memory since this worker started."""
        return memory_kills() > self._memory_kills

    def _violation(self) -> str | None:
        limits = self._limits
        memory, threads = _memory_and_threads(self.pid)
        if memory - self._memory_at_start > limits.memory:
            return f"used more than {_size(limits.memory)} of memory"
        if threads > limits.threads:
            return f"started more than {limits.threads} threads"
        try:
            size, files = disk_usage(self._scratch, limits.files)
        except OSError:
            return "made a folder that cannot be read"
        if size + unnamed_files(self.pid, self._scratch) > limits.disk:
            return f"wrote more than {_size(limits.disk)} of files"
        if files > limits.files:
            return f"made more than {limits.files:,} files"
        return None


def disk_usage(folder: Path, most: int) -> tuple[int, int]:
    """Return the bytes on disk and the number of entries below a folder; stop counting after ``most``.

    Raises:
        OSError: a folder cannot be read, or its path is too long.
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
    """Remove the scratch folder of a worker that has ended, whatever its depth and modes.

    Nested folders are moved up to the top before they are emptied: a worker can nest them until no system
    call accepts the path. Symbolic links are removed, never followed.
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
                        os.chmod(deeper, 0o700)  # moving a folder rewrites its "..", which takes write access
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
    """Return a process's resident anonymous and shared bytes and its threads; zeros once it has ended."""
    found = dict.fromkeys(("RssAnon", "RssShmem", "Threads"), 0)
    with suppress(OSError), open(f"/proc/{pid}/status") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0])
    return (found["RssAnon"] + found["RssShmem"]) << 10, found["Threads"]


def _size(size: int) -> str:
    return f"{size / GIB:g} GB" if size >= GIB else f"{size // MIB} MB"
