"""Landlock: restrict this process to a list of files and folders (Linux 5.13; this module needs 6.2).

Landlock rules only allow. A ruleset names the access rights that it *handles*; from then on a handled right
is denied everywhere, except beneath the paths whose rules grant it. A process may restrict itself without
privileges, once it has set ``no_new_privs``, and can only ever add further restrictions.

Each ABI version covers more. Before ABI 3 ``truncate(2)`` was not covered, so that a file could be emptied
that may only be read; hence ``LEAST_ABI``::

    ABI 1   Linux 5.13   reading, writing, creating, removing, executing
    ABI 2   Linux 5.19   REFER: link or rename into another folder
    ABI 3   Linux 6.2    TRUNCATE
    ABI 4   Linux 6.7    TCP bind and connect
    ABI 5   Linux 6.10   IOCTL_DEV: ioctl on devices
    ABI 6   Linux 6.12   scopes: abstract Unix sockets and signals

What no version covers is left to ``seccomp``: ``chmod``, ``utime``, extended attributes, UDP and Unix
sockets. ``stat`` stays possible on any path that is known.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from enum import IntFlag

from .system import LayerError, set_no_new_privs, syscall

LEAST_ABI = 3
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG, _PATH_BENEATH = 1, 1


class Access(IntFlag):
    """Access rights to files, with the kernel's values (``LANDLOCK_ACCESS_FS_*``)."""

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
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = Access.READ_FILE | Access.READ_DIR
DEVICE = Access.READ_FILE | Access.WRITE_FILE | Access.IOCTL_DEV
# No symbolic links, FIFOs, sockets or devices: nothing there can mislead the process that cleans up.
SCRATCH = (
    READ | Access.WRITE_FILE | Access.TRUNCATE | Access.MAKE_REG | Access.MAKE_DIR
    | Access.REMOVE_FILE | Access.REMOVE_DIR | Access.REFER
)  # fmt: skip
_FILE_RIGHTS = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: Access.REFER, 3: Access.TRUNCATE, 5: Access.IOCTL_DEV}
_TCP = 0b11  # ABI 4: bind and connect; handled and granted by no rule, so denied
_SCOPES = 0b11  # ABI 6: abstract sockets and signals reach only processes in the same domain


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


def abi_version() -> int:
    """Return the Landlock ABI version of this kernel, or 0 without Landlock."""
    try:
        return syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(rules: Iterable[tuple[str, Access]]) -> None:
    """Restrict this process to the paths in ``rules`` and everything below them. This cannot be undone.

    A path that does not exist is skipped.

    Raises:
        LayerError: the kernel has no Landlock, or one that is too old.
    """
    version = abi_version()
    if version < LEAST_ABI:
        found = f"has Landlock ABI {version}" if version else "has no Landlock"
        raise LayerError("landlock", f"this kernel {found}, and ABI {LEAST_ABI} is needed (Linux 6.2)")
    # Handle every right that this kernel knows: a right that is not handled stays allowed everywhere.
    handled = Access(sum(int(rights) for since, rights in _RIGHTS_BY_ABI.items() if version >= since))
    attributes = _RulesetAttributes(handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24  # the struct grew; pass what this kernel knows
    try:
        ruleset = syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0)
        try:
            for path, access in rules:
                _allow(ruleset, path, access & handled)
            set_no_new_privs()
            syscall(_RESTRICT_SELF, ruleset, 0)
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
            access &= _FILE_RIGHTS  # the kernel rejects rules that grant a folder's rights on a file
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_PathBeneath(access, place)), 0)
    finally:
        os.close(place)
