"""What a forked worker still holds of the process it came from: descriptors, session, capabilities."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Collection

from .system import LayerError, checked, libc, prctl

_CAPABILITY_VERSION = struct.pack("Ii", 0x20080522, 0)  # the third, of this process


def detach(keep: Collection[int]) -> None:
    """Leave the session, close every descriptor above 2 but ``keep``, and die with the parent.

    Raises:
        LayerError: the parent is gone already.
    """
    parent = os.getppid()
    os.setsid()
    prctl(1, 9)  # the kernel sends SIGKILL when the parent ends
    if parent == 1 or os.getppid() != parent:
        raise LayerError("descriptors", "the parent process ended first")
    above = 3
    for descriptor in sorted(keep):
        os.closerange(above, descriptor)
        above = descriptor + 1
    os.closerange(above, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))
    os.umask(0o077)


def drop_capabilities() -> None:
    """Give up every right that root has over other users, as in a container that runs as root.

    Raises:
        LayerError: the kernel kept one.
    """
    if not any(capabilities()):
        return
    try:
        for number in range(64):
            if _is_bound(number):
                prctl(24, number)
        prctl(47, 4)  # ambient ones: clear all
        checked(libc().capset(_CAPABILITY_VERSION, bytes(24)))
    except OSError as error:
        raise LayerError("capabilities", f"they could not be dropped ({error.strerror})") from error


def capabilities() -> tuple[int, ...]:
    """Words of effective, permitted and inheritable capabilities; all 0 for an ordinary user."""
    words = ctypes.create_string_buffer(24)
    checked(libc().capget(_CAPABILITY_VERSION, words))
    return struct.unpack("6I", words.raw)


def count_threads() -> int:
    """Threads of this process: walls hold for the one that puts them up, and what it starts later."""
    return len(os.listdir("/proc/self/task"))


def _is_bound(number: int) -> bool:
    try:
        return prctl(23, number) == 1
    except OSError:  # no such capability
        return False
