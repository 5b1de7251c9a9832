"""Disk space of files that a process holds without a name: removed while open, or opened with ``O_TMPFILE``.

No folder lists such a file, so it is looked up where the kernel lists what a process holds: among its open
descriptors, which also tell its size, and among its memory mappings, which do not.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from grader.sandbox.worker.walls.limits import FILE_BYTES

_DELETED = b" (deleted)\n"


def unnamed_files(pid: int, folder: Path) -> int:
    """Return the bytes on disk of all files without a name that a process holds; 0 once it has ended.

    A file that is only mapped counts as large as a file may be: its size cannot be read without privileges.
    All threads of a worker share one table of descriptors, since seccomp refuses a second one.

    Args:
        folder: the only folder that the process writes to, without symbolic links. Mapped files elsewhere do
            not count: libraries are replaced while they are in use whenever a system is updated.
    """
    sizes = _open_files(pid)
    return sum(sizes.values()) + FILE_BYTES * len(_mapped_files(pid, os.fsencode(folder)) - sizes.keys())


def _open_files(pid: int) -> dict[int, int]:
    """Return the size on disk of each file without a name that is open, by inode number."""
    sizes: dict[int, int] = {}
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed meanwhile
                status = os.stat(f"/proc/{pid}/fd/{number}")
                if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                    sizes[status.st_ino] = status.st_blocks * 512
    return sizes


def _mapped_files(pid: int, folder: bytes) -> set[int]:
    """Return the inode numbers of files without a name that are mapped into memory.

    Without their devices, which btrfs and overlayfs call otherwise here than for an open file.
    """
    files: set[int] = set()
    with suppress(OSError), open(f"/proc/{pid}/maps", "rb") as maps:
        for line in maps:
            if line.endswith(_DELETED):
                _, _, _, _, inode, path = line.split(maxsplit=5)
                if path.startswith(folder + b"/"):
                    files.add(int(inode))
    return files
