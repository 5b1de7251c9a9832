"""Resource limits of the worker process (setrlimit).

These limits count per process. Because seccomp refuses a second process, they bound everything that a
student's code can use, and no cgroup is needed. ``RLIMIT_NPROC`` is not set: it counts all threads of the
user on the whole machine, so that unrelated programs would decide whether a worker may start a thread.
"""

from __future__ import annotations

import resource
from contextlib import suppress

MIB = 1 << 20
FILE_BYTES = 256 * MIB
_CPU_SECONDS = 7200  # a backstop: the judge's deadlines come long before
_OPEN_FILES, _OPEN_FILES_ON_GPU = 256, 1024  # a GPU driver opens its devices many times


def restrict(memory: int, *, gpu: bool) -> None:
    """Limit the memory, files, descriptors and processor time of this process.

    Args:
        memory: bytes that it may allocate in addition to what it holds now. A limit relative to zero would be
            useless: after importing torch a worker has gigabytes of address space already.
        gpu: set no memory limits and leave memory to the watchdog, because CUDA reserves hundreds of
            gigabytes of address space and may lock memory.
    """
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: _CPU_SECONDS,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_STACK: 8 * MIB,
    }
    if gpu:
        limits[resource.RLIMIT_NOFILE] = _OPEN_FILES_ON_GPU
    else:
        in_use = _memory_in_use()
        limits |= {
            resource.RLIMIT_AS: in_use["VmSize"] + memory,  # includes shared mappings, which DATA does not
            resource.RLIMIT_DATA: in_use["VmData"] + memory,
            resource.RLIMIT_MEMLOCK: 0,
        }
    for kind, wanted in limits.items():
        # Lower the hard limit as well, so that student code cannot raise the soft one again.
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        # At the hard limit on processor time the kernel kills; at the soft one its signal says why.
        soft = value - 1 if kind == resource.RLIMIT_CPU else value
        resource.setrlimit(kind, (soft, value))


def prefer_oom_kill() -> None:
    """Make this process the kernel's first choice when the machine runs out of memory."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def _memory_in_use() -> dict[str, int]:
    """Return this process's memory in bytes, by the kernel's names (``VmSize``, ``VmData``, ...)."""
    with open("/proc/self/status") as status:
        rows = (line.partition(":")[::2] for line in status)
        return {name: int(value.split()[0]) << 10 for name, value in rows if name.startswith("Vm")}
