"""Members of archives that are not extracted: links, names that lead elsewhere, passwords."""

from __future__ import annotations

import re
import stat
from pathlib import PurePosixPath
from zipfile import ZipInfo

MAX_NAME = 1000  # characters of a member's path
MAX_FOLDERS = 30  # in a member's path
DEVICE = stat.S_IFCHR  # stands for all that is neither file, folder nor link
_DRIVE = re.compile(r"[A-Za-z]:")


def unsafe_reason(member: ZipInfo, name: str) -> str | None:
    """Return why a member of this name must not be extracted; None if it is safe."""
    parts = PurePosixPath(name).parts
    if not parts:
        return "it has no name"
    if name.startswith("/") or ".." in parts or _DRIVE.match(name):
        return "its path leads out of the archive"
    if len(name) > MAX_NAME or any(len(part.encode()) > 255 for part in parts):
        return "its name is longer than file systems allow"
    if len(parts) > MAX_FOLDERS:
        return f"it is nested more than {MAX_FOLDERS} folders deep"
    if not name.isprintable():
        return "its name has characters that cannot be printed"
    if stat.S_ISLNK(member.external_attr >> 16):  # the upper half holds the Unix mode
        return "it is a symbolic link, not a file"
    if stat.S_IFMT(member.external_attr >> 16) == DEVICE:
        return "it is a device, a pipe or a sparse file"
    return None


def is_encrypted(member: ZipInfo) -> bool:
    """Return whether a password is needed to read a member."""
    return bool(member.flag_bits & 1)  # bit 0


def printable(name: str) -> str:
    """Return a name with "?" for what cannot be printed."""
    return "".join(character if character.isprintable() else "?" for character in name)


def shortened(name: str) -> str:
    """Return the beginning and the end of a long name."""
    return name if len(name) <= 160 else f"{name[:100]}…{name[-50:]}"
