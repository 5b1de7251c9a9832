"""Files that the grader writes: report names that are safe, writes that are whole, and temporary folders."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.errors import UsageError

_LONGEST = 100  # of characters; file systems take 255 bytes
_UNSAFE = re.compile(r"[^\w .,+()@=-]|^[. -]|[. ]$")
_NAME = "grade-run-"


def file_name(name: str) -> str:
    """``name`` where it is harmless; else its harmless part, and enough of a hash to be the only one."""
    safe = _UNSAFE.sub("_", name)[:_LONGEST]
    if name and safe == name and len(safe.encode()) <= 2 * _LONGEST:
        return name
    short = safe.encode()[:_LONGEST].decode(errors="ignore")
    return f"{short or '_'}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def check_writable(out: Path) -> None:
    """Make the folder.

    Raises:
        UsageError: it cannot be made, or not be written into.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise UsageError(
            f"nothing can be written into {out} ({error.strerror}); choose another --out"
        ) from error


def write(path: Path, text: str) -> None:
    """Write as a whole or not at all: a report is never seen half written.

    Raises:
        UsageError: the disk is full, or does not let us.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(text.encode("utf-8", "replace"))  # half a surrogate pair fits into no file
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another --out") from error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for this process and its judges; folders of processes that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_NAME}*"):
        with suppress(OSError, ValueError):
            if _is_dead(int(left.name.split("-")[2])) and left.stat().st_uid == os.getuid():
                shutil.rmtree(left, ignore_errors=True)
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix=f"{_NAME}{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before
            if variable is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = variable


def _is_dead(process: int) -> bool:
    """Whether a process is surely gone; where that cannot be asked, it is not."""
    if os.name != "posix":  # there, os.kill would end it
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
