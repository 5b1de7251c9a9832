"""Names of files that are written for a submission, whatever its own file was called."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 100  # of characters; file systems take 255 bytes
_UNSAFE = re.compile(r"[^\w .,+()@=-]|^[. -]|[. ]$")


def file_name(name: str) -> str:
    """``name`` where it is harmless; else its harmless part, and enough of a hash to be the only one."""
    safe = _UNSAFE.sub("_", name)[:_LONGEST]
    if name and safe == name and len(safe.encode()) <= 2 * _LONGEST:
        return name
    short = safe.encode()[:_LONGEST].decode(errors="ignore")
    return f"{short or '_'}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
