"""Run a command as the user ``nobody``; needs root: ``as_nobody.py COMMAND...``.

If Python lies in a folder that only root may enter, such as a pyenv in root's home, the command sees a tmpfs
there that contains nothing but this Python. It runs in a mount namespace of its own, so the mounts end with
it.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from pathlib import Path

NOBODY = 65534
_PRIVATE, _BIND, _NEW_MOUNTS = (1 << 14) | (1 << 18), 1 << 12, 0x00020000
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    _check(_libc.unshare(_NEW_MOUNTS))
    _mount("none", "/", _PRIVATE)
    home = Path(sys.base_prefix).resolve()
    closed = [folder for folder in reversed(home.parents) if not folder.stat().st_mode & 0o001]
    if closed:
        aside = tempfile.mkdtemp()
        _mount(str(home), aside, _BIND)
        _mount("tmpfs", str(closed[0]), 0, kind="tmpfs")
        os.chmod(closed[0], 0o755)
        home.mkdir(parents=True)
        _mount(aside, str(home), _BIND)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    folder = tempfile.mkdtemp()
    os.environ.update(HOME=folder, TMPDIR=folder)
    os.execv(sys.argv[1], sys.argv[1:])


def _mount(source: str, target: str, flags: int, *, kind: str | None = None) -> None:
    name = kind.encode() if kind else None
    _check(_libc.mount(source.encode(), target.encode(), name, ctypes.c_ulong(flags), None))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main()
