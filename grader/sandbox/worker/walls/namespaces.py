"""Namespaces: an empty network, own queues and an own host name, where the kernel lets anybody have them.

A further layer behind others that refuse the same things; many containers and some distributions forbid it.
"""

from __future__ import annotations

import os

from .system import LayerError, checked, libc

_KINDS = {"user": 0x10000000, "net": 0x40000000, "ipc": 0x08000000, "uts": 0x04000000}


def enter() -> None:
    """Move this process, which has one thread, into namespaces of its own. Not to be undone.

    It keeps its user's number, and holds capabilities over nothing but what it has just made.

    Raises:
        LayerError: they are not to be had here.
    """
    user, group = os.getuid(), os.getgid()
    try:
        checked(libc().unshare(sum(_KINDS.values())))
        _write("setgroups", "deny")
        _write("uid_map", f"{user} {user} 1")
        _write("gid_map", f"{group} {group} 1")
    except OSError as error:
        raise LayerError("namespaces", f"the kernel refused them ({error.strerror})") from error


def current() -> frozenset[str]:
    """Which namespaces this process is in, as the kernel names them."""
    return frozenset(os.readlink(f"/proc/self/ns/{kind}") for kind in _KINDS)


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
