"""File names, atomic writes, temporary folders, and the user's folders for data and cache."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from grader.errors import UsageError

_APP = "ddpm-grader"  # the folders' name; another one would orphan existing keys and caches
_MAX_CHARACTERS = 100  # file systems allow 255 bytes
_UNSAFE = re.compile(r"[^\w .,+()@=-]|^[. -]|[. ]$")
_RUN_PREFIX = "grade-run-"


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
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(text.encode("utf-8", "replace"))  # UTF-8 has no lone surrogates
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another --out") from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Provide a temporary folder for this process and its judges, and remove those that killed runs left.

    While it exists it is the default of ``tempfile`` here (``tempfile.tempdir``) and in child processes
    (``TMPDIR``), so that one removal at the end takes all that any of them left behind.
    """
    for leftover in Path(tempfile.gettempdir()).glob(f"{_RUN_PREFIX}*"):
        with suppress(OSError, ValueError):
            if _is_dead(int(leftover.name.split("-")[2])) and leftover.stat().st_uid == os.getuid():
                shutil.rmtree(leftover, ignore_errors=True)
    tempdir, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(
        prefix=f"{_RUN_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True
    ) as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = tempdir
            if variable is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = variable


def _is_dead(process: int) -> bool:
    """Return whether a process has surely ended; False where that is unknown."""
    if os.name != "posix":  # on Windows os.kill ends the process, whatever the signal
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
