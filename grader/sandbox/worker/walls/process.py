"""Drop what a forked worker inherits: descriptors, session, capabilities."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Collection

from .system import PR_SET_PDEATHSIG, LayerError, checked, libc, prctl

_CAPABILITY_HEADER = struct.pack("Ii", 0x20080522, 0)  # version 3 of the interface; 0 is this process
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


def detach(keep: Collection[int]) -> None:
    """Start a new session, close every descriptor above 2 except ``keep``, and die with the parent.

    Raises:
        LayerError: the parent has already ended.
    """
    parent = os.getppid()
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The signal only comes for a parent that ends from now on, so check that it has not ended before.
    if parent == 1 or os.getppid() != parent:
        raise LayerError("descriptors", "the parent process ended first")
    above = 3
    for descriptor in sorted(keep):
        os.closerange(above, descriptor)
        above = descriptor + 1
    os.closerange(above, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))
    os.umask(0o077)


def drop_capabilities() -> None:
    """Drop all capabilities, as in a container that runs as root or after entering a user namespace.

    The bounding and ambient sets go as well, from which a program could otherwise regain some.

    Raises:
        LayerError: the kernel did not let one go.
    """
    if not any(capabilities()):
        return
    try:
        for number in range(64):
            if _in_bounding_set(number):
                prctl(_PR_CAPBSET_DROP, number)
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        checked(libc().capset(_CAPABILITY_HEADER, bytes(24)))
    except OSError as error:
        raise LayerError("capabilities", f"they could not be dropped ({error.strerror})") from error


def capabilities() -> tuple[int, ...]:
    """Return the effective, permitted and inheritable capabilities as six words, all 0 for ordinary users."""
    words = ctypes.create_string_buffer(24)
    checked(libc().capget(_CAPABILITY_HEADER, words))
    return struct.unpack("6I", words.raw)


def count_threads() -> int:
    """Return the number of threads of this process."""
    return len(os.listdir("/proc/self/task"))


def _in_bounding_set(number: int) -> bool:
    try:
        return prctl(_PR_CAPBSET_READ, number) == 1
    except OSError:  # this kernel has no capability of that number
        return False
