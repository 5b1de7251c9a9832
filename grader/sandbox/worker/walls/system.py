"""The kernel's calls that Python has no function for, by ctypes."""

from __future__ import annotations

import ctypes
import functools
import os


class LayerError(Exception):
    """A layer could not be put up on this machine.

    Attributes:
        layer: which.
    """

    def __init__(self, layer: str, why: str) -> None:
        self.layer = layer
        super().__init__(why)


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library that Python itself is linked with."""
    return ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Ask the kernel directly; integers are passed as C longs.

    Raises:
        OSError: it refused.
    """
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return checked(libc().syscall(ctypes.c_long(number), *passed))


def prctl(option: int, *arguments: object) -> int:
    """Ask the kernel about, or to change, this process.

    Raises:
        OSError: it refused.
    """
    values = [*arguments, 0, 0, 0, 0][:4]
    passed = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in values]
    return checked(libc().prctl(option, *passed))


def set_no_new_privs() -> None:
    """No set-uid binary gives rights from here on; the kernel demands this of an ordinary user's walls."""
    prctl(38, 1)


def checked(result: int) -> int:
    """What a function of the C library returned.

    Raises:
        OSError: it was negative.
    """
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
