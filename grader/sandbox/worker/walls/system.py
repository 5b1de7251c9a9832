"""System calls without a function in Python's standard library, through ctypes."""

from __future__ import annotations

import ctypes
import functools
import os

PR_SET_PDEATHSIG = 1  # the signal that this process gets when its parent ends
_PR_SET_NO_NEW_PRIVS = 38


class LayerError(Exception):
    """A sandbox layer could not be applied on this machine.

    Attributes:
        layer: name of the layer.
    """

    def __init__(self, layer: str, why: str) -> None:
        self.layer = layer
        super().__init__(why)


@functools.cache
def libc() -> ctypes.CDLL:
    """Return the C library that Python itself is linked with."""
    return ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Make a raw system call; integers are passed as C longs.

    Raises:
        OSError: the call failed.
    """
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return checked(libc().syscall(ctypes.c_long(number), *passed))


def prctl(option: int, *arguments: object) -> int:
    """Query or change an attribute of this process.

    Raises:
        OSError: the call failed.
    """
    values = [*arguments, 0, 0, 0, 0][:4]  # some options insist that unused arguments are 0
    passed = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in values]
    return checked(libc().prctl(option, *passed))


def set_no_new_privs() -> None:
    """Ensure that no program run from here on gains privileges, such as a set-uid one.

    The kernel requires this of an unprivileged process before it accepts Landlock rules or a seccomp filter.
    """
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def checked(result: int) -> int:
    """Return the result of a C library function.

    Raises:
        OSError: the result is negative; carries the function's ``errno``.
    """
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
