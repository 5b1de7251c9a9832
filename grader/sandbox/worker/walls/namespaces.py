"""Linux namespaces: an empty network, own message queues and host name, where the kernel allows it.

An additional layer: everything that it takes away is refused by the other layers, too, so isolation is strong
without it. Many containers and some distributions do not let ordinary users create namespaces.
"""

from __future__ import annotations

import os

from .system import LayerError, checked, libc

_KINDS = {"user": 0x10000000, "net": 0x40000000, "ipc": 0x08000000, "uts": 0x04000000}


def enter() -> None:
    """Move this single-threaded process into namespaces of its own. This cannot be undone.

    The new user namespace maps its user and group to themselves. It grants capabilities, but only over the
    namespaces created here; the next layer drops them.

    Raises:
        LayerError: the kernel does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    try:
        checked(libc().unshare(sum(_KINDS.values())))
        _write("setgroups", "deny")  # an ordinary user must do this before writing gid_map
        _write("uid_map", f"{user} {user} 1")
        _write("gid_map", f"{group} {group} 1")
    except OSError as error:
        raise LayerError("namespaces", f"the kernel refused them ({error.strerror})") from error


def current() -> frozenset[str]:
    """Return the namespaces that this process is in, as the kernel names them."""
    return frozenset(os.readlink(f"/proc/self/ns/{kind}") for kind in _KINDS)


def _write(name: str, text: str) -> None:
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
