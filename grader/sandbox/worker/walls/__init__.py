"""The walls around a student's code, put up by a freshly forked worker itself before it is sent any of it.

In this order, since each takes away what the ones before it need::

    descriptors   own session; no descriptor but the two pipes; dies with its parent
    namespaces    an empty network, where anybody may make one; not needed for the walls to be sound
    capabilities  root's rights dropped, where there were any
    limits        memory, sizes of files, number of descriptors (setrlimit)
    landlock      files: the libraries to read, an own folder to write, nothing else
    seccomp       system calls: no second process, no network, no hold on other processes

A GPU's driver is started between the last two: it opens sockets and memory files when it starts, not later.

All of it needs nothing but Linux: no privileges, no container, no package. Other systems have no walls here.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from typing import TYPE_CHECKING

from .system import LayerError

if TYPE_CHECKING:
    from .landlock import Access

LAYERS = ("descriptors", "capabilities", "limits", "landlock", "seccomp")
ALL_LAYERS = ("descriptors", "namespaces", "capabilities", "limits", "landlock", "seccomp")
GIB = 1 << 30
_SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/etc/localtime", "/usr/share/zoneinfo", "/usr/share/fonts", "/etc/fonts"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_GPU_DEVICES = ("/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-uvm*", "/dev/nvidia-caps/*", "/dev/dxg")
_GPU_FILES = (
    *("/sys", "/proc/driver/nvidia", "/proc/driver/nvidia-caps", "/proc/driver/nvidia-uvm"),
    *(
        "/proc/self",
        "/proc/sys/vm",
        "/proc/cpuinfo",
        "/proc/devices",
        "/proc/meminfo",
        "/proc/modules",
        "/proc/version",
    ),
)
_LOADER_FILES = ("/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf")  # where else the system looks for libraries


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a worker is left with.

    Attributes:
        scratch: the one folder that it may write into.
        layers: those of ``ALL_LAYERS`` that are to be up; one that fails ends the worker.
        memory: bytes that it may take beyond what it was born with.
        gpu: whether it needs a GPU's devices.
        readable: files and folders that it may read; ``libraries`` lists them.
    """

    scratch: str
    layers: Sequence[str] = LAYERS
    memory: int = 4 * GIB
    gpu: bool = False
    readable: Sequence[str] = ()


def apply_layers(
    policy: Policy, keep: Collection[int], start_driver: Callable[[], None] = lambda: None
) -> None:
    """Wall this process in. Not to be undone.

    Args:
        keep: descriptors that stay open, beside 0, 1 and 2.
        start_driver: is called before calls are walled off; threads that it starts are walled in as well.

    Raises:
        LayerError: a layer of the policy could not be put up.
    """
    if not policy.layers:
        start_driver()
        return
    from . import landlock, limits, namespaces, process, seccomp  # none of which there is on Windows

    if "descriptors" in policy.layers:
        process.detach(keep)
    if (count := process.count_threads()) != 1:
        raise LayerError("descriptors", f"{count} threads run already, and walls would bind only one")
    if "namespaces" in policy.layers:
        namespaces.enter()
    if "capabilities" in policy.layers:
        process.drop_capabilities()
    if "limits" in policy.layers:
        limits.prefer_oom_kill()
        limits.restrict(policy.memory, gpu=policy.gpu)
    if "landlock" in policy.layers:
        landlock.restrict(_rules(policy))
    start_driver()
    if "seccomp" in policy.layers:
        seccomp.restrict(gpu=policy.gpu)


def readable_paths(site_packages: Iterable[str], secret: Iterable[str]) -> list[str]:
    """Folders and files with all that Python and installed packages need to read, but nothing ``secret``."""
    paths = sysconfig.get_paths()
    python = (paths["stdlib"], paths["platstdlib"], os.path.join(sys.base_prefix, "lib"))
    roots = [*_SYSTEM, *_driver_folders(), *python]
    hidden = [os.path.realpath(path) for path in secret]
    real = {os.path.realpath(path) for path in (*roots, *site_packages)}
    return sorted({path for root in real for path in _without(root, hidden)})


def _driver_folders() -> Iterator[str]:
    """Folders with NVIDIA's libraries: containers often mount them where nothing else of the system lies."""
    folders = [*_SYSTEM, f"/usr/lib/{platform.machine()}-linux-gnu"]
    folders += os.environ.get("LD_LIBRARY_PATH", "").split(":")
    for path in (path for pattern in _LOADER_FILES for path in glob(pattern)):
        with suppress(OSError), open(path, errors="replace") as lines:
            folders += [line.strip() for line in lines]
    for folder in folders:
        driver = os.path.join(folder, "libcuda.so.1")
        if os.path.isabs(driver) and os.path.exists(driver):
            yield os.path.dirname(os.path.realpath(driver))


def _without(root: str, hidden: Collection[str]) -> Iterator[str]:
    """``root``, or as many of its entries as it takes to leave the hidden ones out: rules can only allow."""
    if root in hidden:
        return
    if not any(path.startswith(root + os.sep) for path in hidden):
        yield root
        return
    for entry in os.scandir(root):
        yield from _without(entry.path, hidden)


def _rules(policy: Policy) -> Iterator[tuple[str, Access]]:
    from .landlock import DEVICE, READ, SCRATCH, Access

    for path in policy.readable:
        yield path, READ
    for path in _DEVICES:
        yield path, DEVICE
    if policy.gpu:
        for pattern in _GPU_DEVICES:
            yield from ((path, DEVICE) for path in glob(pattern))
        for path in _GPU_FILES:
            yield path, READ
        # Its own: the driver names its threads there, and may open those files as one that is to be emptied.
        yield "/proc/self/task", READ | DEVICE | Access.TRUNCATE
    yield policy.scratch, SCRATCH
