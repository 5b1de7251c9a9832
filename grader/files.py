"""File names, atomic writes, temporary folders, and the user's folders for data and cache."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path, user_data_path

from grader.errors import UsageError
from grader.text import INVISIBLE_LETTERS

if sys.platform != "win32":
    import fcntl

_APP = "ddpm-grader"  # the folders' name; another one would orphan existing keys and caches
_MAX_CHARACTERS = 100  # file systems allow 255 bytes
_UNSAFE = re.compile(rf"[^\w .,+()@=-]|[{INVISIBLE_LETTERS}]|^[. -]|[. ]$")
_LOCK = ".lock"  # a file in the folder of a run


def cache_folder() -> Path:
    """Return this user's cache folder of the grader, such as ``~/.cache/ddpm-grader`` on Linux."""
    return user_cache_path(_APP, appauthor=False)


def data_folder() -> Path:
    """Return this user's data folder of the grader, such as ``~/.local/share/ddpm-grader`` on Linux."""
    return user_data_path(_APP, appauthor=False)


def file_name(name: str) -> str:
    """Return ``name`` if it is safe as a file name, else its safe characters and a hash to keep it unique."""
    safe = _UNSAFE.sub("_", name)[:_MAX_CHARACTERS]
    if name and safe == name and len(safe.encode()) <= 2 * _MAX_CHARACTERS:
        return name
    short = safe.encode()[:_MAX_CHARACTERS].decode(errors="ignore")
    return f"{short or '_'}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def read_handed_in(path: Path) -> bytes:
    """Return the contents of a file that was handed in.

    Raises:
        OSError: it cannot be read, or is a pipe or a device, whose reading may never end.
    """
    # Opening a pipe would wait for a writer without O_NONBLOCK, which a regular file ignores.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", str(path))
        return file.read()


def check_writable(out: Path) -> None:
    """Create the folder if needed.

    Raises:
        UsageError: it cannot be created or is not writable.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise UsageError(f"{out} cannot be written to ({error.strerror}); choose another --out") from error


def write(path: Path, text: str) -> None:
    """Write a file atomically, so that no reader sees half of it.

    Raises:
        UsageError: the disk is full or not writable.
    """
    try:
        with replacing(path) as draft:
            draft.write_bytes(text.encode("utf-8", "replace"))  # UTF-8 has no lone surrogates
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another --out") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Provide the path of a draft that replaces ``path`` at the block's end.

    Readers see the old file or the new one, never half of it; after an exception the old one stays.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Provide a temporary folder for this process and its judges, and remove those that killed runs left.

    While it exists it is the default of ``tempfile`` here (``tempfile.tempdir``) and in child processes
    (``TMPDIR``), so that one removal at the end takes all that any of them left behind.

    Graders in other containers or on other machines may use the folder around it, too. Process ids say
    nothing about those, so a run holds a lock on a file in its folder; the system releases it at its end.
    """
    _remove_leftovers(Path(tempfile.gettempdir()))
    tempdir, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    folder, lock = _locked_folder()
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = tempdir
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def _locked_folder() -> tuple[Path, BinaryIO]:
    """Create a folder and the locked file that marks it as in use until that is closed."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix()))
        with suppress(FileNotFoundError, FileExistsError):
            lock = open(folder / _LOCK, "xb")  # noqa: SIM115  it stays open as long as the folder
            with suppress(OSError):  # no locks here; then nobody else takes the folder for a leftover, either
                _lock(lock, wait=True)
            # Another grader that saw the folder before it was locked has removed it by now.
            os.stat(lock.name)
            return folder, lock


def _remove_leftovers(around: Path) -> None:
    """Remove the folders of runs on this machine that have ended; those of other machines are left alone.

    A folder without its file was left while it was removed, by a kill or a child that still wrote into it, or
    is about to be locked by a grader that starts, which then takes another one.
    """
    for folder in around.glob(f"{_prefix()}*"):
        with suppress(OSError), _open_lock(folder) as lock:
            _lock(lock, wait=False)
            shutil.rmtree(folder, ignore_errors=True)


def _open_lock(folder: Path) -> BinaryIO:
    """Open the file in a run's folder, created if need be, but follow no link that somebody else put there.

    Raises:
        OSError: it cannot be opened.
    """
    if folder.is_symlink():
        raise OSError(errno.ELOOP, "a link")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return open(os.open(folder / _LOCK, flags, 0o600), "r+b")


def _lock(file: BinaryIO, *, wait: bool) -> None:
    """Take the lock on an open file, which the system releases when it is closed.

    Raises:
        OSError: another process holds it, or there are no such locks here.
    """
    if sys.platform == "win32":
        raise OSError(errno.ENOLCK, "no locks")
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@functools.cache
def _prefix() -> str:
    """Return how the names of this machine's folders begin.

    Containers on one machine share it, and see each other's locks. The locks of another machine, or of this
    one before it was started again, may be invisible on a shared file system.
    """
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        machine = f"{platform.node()} {uuid.getnode()}"
    return f"grade-run-m{hashlib.sha256(machine.encode()).hexdigest()[:8]}-"
