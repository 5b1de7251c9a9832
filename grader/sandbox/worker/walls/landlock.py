"""Landlock: which files this process can reach, and no other (Linux 5.13; all that is used here, 6.2).

The kernel's rules only allow: what no rule names is refused. A process can take its own rights away and never
get them back, and needs no privilege for it.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from enum import IntFlag

from .system import LayerError, set_no_new_privs, syscall

LEAST_ABI = 3  # before it, truncate(2) was not covered
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture


class Access(IntFlag):
    """What can be done to a file, as the kernel numbers it."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13  # since ABI 2: link or rename into another folder
    TRUNCATE = 1 << 14  # since ABI 3
    IOCTL_DEV = 1 << 15  # since ABI 5


READ = Access.READ_FILE | Access.READ_DIR
DEVICE = Access.READ_FILE | Access.WRITE_FILE | Access.IOCTL_DEV
# Neither links nor pipes, sockets or devices: whoever cleans up must not trip over them.
SCRATCH = (
    READ | Access.WRITE_FILE | Access.TRUNCATE | Access.MAKE_REG | Access.MAKE_DIR
    | Access.REMOVE_FILE | Access.REMOVE_DIR | Access.REFER
)  # fmt: skip
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
_SINCE = {1: (1 << 13) - 1, 2: Access.REFER, 3: Access.TRUNCATE, 5: Access.IOCTL_DEV}
_TCP = 0b11  # since ABI 4: bind and connect, neither of which any rule allows
_SCOPES = 0b11  # since ABI 6: abstract sockets and signals stay inside


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


def abi_version() -> int:
    """The version of Landlock that this kernel speaks; 0 where there is none."""
    try:
        return syscall(_CREATE, None, 0, 1)
    except OSError:
        return 0


def restrict(rules: Iterable[tuple[str, Access]]) -> None:
    """Leave this process the files and folders that ``rules`` name, with all below them. Not to be undone.

    A path that is not there is passed over.

    Raises:
        LayerError: the kernel's Landlock is missing or too old.
    """
    version = abi_version()
    if version < LEAST_ABI:
        found = f"has Landlock ABI {version}" if version else "offers no Landlock"
        raise LayerError("landlock", f"this kernel {found}, and ABI {LEAST_ABI} is needed (Linux 6.2)")
    handled = Access(sum(int(rights) for since, rights in _SINCE.items() if version >= since))
    attributes = _Ruleset(handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    try:
        ruleset = syscall(_CREATE, ctypes.byref(attributes), size, 0)
        try:
            for path, access in rules:
                _allow(ruleset, path, access & handled)
            set_no_new_privs()
            syscall(_RESTRICT, ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        raise LayerError("landlock", f"the kernel refused it ({error.strerror})") from error


def _allow(ruleset: int, path: str, access: Access) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            access &= _OF_FILES
        syscall(_ADD, ruleset, 1, ctypes.byref(_Beneath(access, place)), 0)
    finally:
        os.close(place)
