"""Standard output and error that never end a run: a full disk, or a reader that left, is only noted."""

from __future__ import annotations

import io
import sys
from typing import TextIO


class Stream(io.FileIO):
    """A file descriptor that accepts everything, and keeps the first error instead of raising it."""

    error: OSError | None = None
    is_reported: bool = False

    def write(self, data: object) -> int:
        """Write what can be written."""
        view = memoryview(data)  # type: ignore[arg-type]  # any buffer
        if self.error is None:
            try:
                return super().write(view) or 0
            except BlockingIOError:
                raise
            except OSError as error:
                self.error = error
        return view.nbytes


def guard_streams() -> Stream | None:
    """Put guarded streams in place of ``sys.stdout`` and ``sys.stderr``, and return that of the output.

    A terminal is left alone: no disk is behind it, and Windows writes to it in a way of its own.
    """
    output, errors = _guarded(sys.stdout), _guarded(sys.stderr)
    if output:
        sys.stdout = _text(output, sys.stdout, line_buffering=False)
    if errors:
        sys.stderr = _text(errors, sys.stderr, line_buffering=True)
    return output


def lost_output() -> OSError | None:
    """Return why standard output could not be written, or None, for a command that reports it itself."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, Stream):
        return None
    sys.stdout.flush()
    raw.is_reported = True
    return raw.error


def _guarded(stream: TextIO | None) -> Stream | None:
    try:
        if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
            return None
        stream.flush()
        return Stream(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):  # closed, or in memory
        return None


def _text(guarded: Stream, instead_of: TextIO, *, line_buffering: bool) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(guarded),
        encoding=instead_of.encoding,
        errors=instead_of.errors,
        line_buffering=line_buffering,
    )
