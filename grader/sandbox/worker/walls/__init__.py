"""Sandbox layers that a freshly forked worker applies to itself before it receives any student code.

The order matters, because each layer takes away what the earlier ones need to be set up::

    descriptors   own session; only the two pipes stay open; the worker dies with its parent
    namespaces    an empty network, own IPC and host name; optional, not needed for strong isolation
    capabilities  dropped, both root's and those that a new user namespace grants
    limits        memory, file size, number of descriptors (setrlimit)
    landlock      file system: libraries read-only, the scratch folder read-write, nothing else
    seccomp       system calls: no second process, no network, no access to other processes

``namespaces`` and ``limits`` write to ``/proc/self``, which ``landlock`` closes; ``seccomp`` comes last
because it refuses the calls that the other layers are made of. A GPU driver is started between the last two:
it opens sockets and memory files while it starts, but not afterwards.

All of it uses plain Linux system calls: no privileges, no container, no extra package. Other systems have no
sandbox layers.
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

LAYERS = ("descriptors", "capabilities", "limits", "landlock", "seccomp")  # what strong isolation needs
ALL_LAYERS = ("descriptors", "namespaces", "capabilities", "limits", "landlock", "seccomp")
GIB = 1 << 30

_SYSTEM_PATHS = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/etc/localtime", "/usr/share/zoneinfo", "/usr/share/fonts", "/etc/fonts"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_GPU_DEVICES = ("/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-uvm*", "/dev/nvidia-caps/*", "/dev/dxg")
_GPU_PATHS = (
    *("/sys", "/proc/driver/nvidia", "/proc/driver/nvidia-caps", "/proc/driver/nvidia-uvm"),
    *("/proc/self", "/proc/sys/vm", "/proc/cpuinfo", "/proc/devices", "/proc/meminfo"),
    *("/proc/modules", "/proc/version"),
)
_LOADER_CONFIG = ("/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf")  # further library folders, one per line


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Permissions of a sandboxed worker.

    Attributes:
        scratch: the only folder that it can write to.
        layers: the layers to apply, out of ``ALL_LAYERS``; if one fails, the worker exits.
        memory: bytes that it may allocate in addition to what it holds after the fork.
        gpu: allow access to GPU devices.
        readable: files and folders that it can read; see ``readable_paths``.
    """

    scratch: str
    layers: Sequence[str] = LAYERS
    memory: int = 4 * GIB
    gpu: bool = False
    readable: Sequence[str] = ()


def apply_layers(
    policy: Policy, keep: Collection[int], start_driver: Callable[[], None] = lambda: None
) -> None:
    """Sandbox this process. This cannot be undone.

    Args:
        policy: the layers to apply and what they leave open.
        keep: descriptors that stay open, besides 0, 1 and 2.
        start_driver: called before system calls are filtered; threads that it starts are sandboxed, too.

    Raises:
        LayerError: a layer of the policy could not be applied.
    """
    if not policy.layers:
        start_driver()
        return
    from . import landlock, limits, namespaces, process, seccomp  # these modules import only on Linux

    if "descriptors" in policy.layers:
        process.detach(keep)
    # Landlock and capabilities apply to the calling thread and to threads that it starts later.
    if (count := process.count_threads()) != 1:
        raise LayerError("descriptors", f"{count} threads are running, but the layers bind only one")
    if "namespaces" in policy.layers:
        namespaces.enter()
    if "capabilities" in policy.layers:  # after namespaces: a new user namespace grants a full set
        process.drop_capabilities()
    if "limits" in policy.layers:
        limits.prefer_oom_kill()
        limits.restrict(policy.memory, gpu=policy.gpu)
    if "landlock" in policy.layers:
        landlock.restrict(_landlock_rules(policy))
    start_driver()
    if "seccomp" in policy.layers:
        seccomp.restrict(gpu=policy.gpu)


def readable_paths(site_packages: Iterable[str], secret: Iterable[str]) -> list[str]:
    """Return the files and folders that Python and its packages need to read, without any ``secret`` one.

    Args:
        site_packages: folders with installed packages.
        secret: paths that must stay unreadable, such as the grader and the reference solution.
    """
    paths = sysconfig.get_paths()
    python = (paths["stdlib"], paths["platstdlib"], os.path.join(sys.base_prefix, "lib"))
    roots = [*_SYSTEM_PATHS, *_driver_folders(), *python]
    hidden = [os.path.realpath(path) for path in secret]
    real = {os.path.realpath(path) for path in (*roots, *site_packages)}
    return sorted({path for root in real for path in _without(root, hidden)})


def _driver_folders() -> Iterator[str]:
    """Yield the folders of NVIDIA's libraries, which containers often mount away from the system's own."""
    folders = [*_SYSTEM_PATHS, f"/usr/lib/{platform.machine()}-linux-gnu"]
    folders += os.environ.get("LD_LIBRARY_PATH", "").split(":")
    for path in (path for pattern in _LOADER_CONFIG for path in glob(pattern)):
        with suppress(OSError), open(path, errors="replace") as lines:
            folders += [line.strip() for line in lines]
    for folder in folders:
        driver = os.path.join(folder, "libcuda.so.1")
        if os.path.isabs(driver) and os.path.exists(driver):
            yield os.path.dirname(os.path.realpath(driver))


def _without(root: str, hidden: Collection[str]) -> Iterator[str]:
    """Yield ``root``, or those of its entries that together cover everything except the hidden paths.

    Landlock rules can only allow, so a folder that holds a hidden path is allowed entry by entry.
    """
    if root in hidden:
        return
    if not any(path.startswith(root + os.sep) for path in hidden):
        yield root
        return
    for entry in os.scandir(root):
        yield from _without(entry.path, hidden)


def _landlock_rules(policy: Policy) -> Iterator[tuple[str, Access]]:
    from .landlock import DEVICE, READ, SCRATCH, Access

    for path in policy.readable:
        yield path, READ
    for path in _DEVICES:
        yield path, DEVICE
    if policy.gpu:
        for pattern in _GPU_DEVICES:
            yield from ((path, DEVICE) for path in glob(pattern))
        for path in _GPU_PATHS:
            yield path, READ
        # CUDA names its threads by writing /proc/self/task/<tid>/comm, and may open that file with O_TRUNC.
        # The rule resolves "self" here, in the worker, so no other process's entry becomes writable.
        yield "/proc/self/task", READ | DEVICE | Access.TRUNCATE
    yield policy.scratch, SCRATCH
