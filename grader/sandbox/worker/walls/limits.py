"""Resource limits: how much one process may take. Since it can start no other, they hold for all it does."""

from __future__ import annotations

import resource
from contextlib import suppress

MIB = 1 << 20
_PROCESSOR_SECONDS = 7200  # the judge's deadlines come long before
_OPEN_FILES, _OPEN_FILES_ON_GPU = 256, 1024  # the driver opens its devices many times over
FILE_BYTES = 256 * MIB


def restrict(memory: int, *, gpu: bool) -> None:
    """Limit this process to ``memory`` bytes beyond what it holds already, and to little of all the rest.

    Args:
        gpu: leaves memory to whoever watches from outside: CUDA reserves hundreds of gigabytes of addresses.
    """
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: _PROCESSOR_SECONDS,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_STACK: 8 * MIB,
    }
    if gpu:
        limits[resource.RLIMIT_NOFILE] = _OPEN_FILES_ON_GPU
    else:
        held = _memory_in_use()
        limits |= {
            resource.RLIMIT_AS: held["VmSize"] + memory,
            resource.RLIMIT_DATA: held["VmData"] + memory,
            resource.RLIMIT_MEMLOCK: 0,
        }
    for kind, wanted in limits.items():
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))


def prefer_oom_kill() -> None:
    """Should memory run out on the whole machine, the kernel is to take this process first."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def _memory_in_use() -> dict[str, int]:
    """Bytes of memory in use, by the kernel's names."""
    with open("/proc/self/status") as status:
        rows = (line.partition(":")[::2] for line in status)
        return {name: int(value.split()[0]) << 10 for name, value in rows if name.startswith("Vm")}
