"""Compare failed attempts to call a function in several forms, to report the one that came furthest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from grader.sandbox.values import StudentError

_Failure = TypeVar("_Failure", bound=Exception)


def furthest(failures: Sequence[_Failure]) -> _Failure:
    """Return the failure of the attempt that came furthest, the first of several.

    A call that returned a wrong result came further than one that raised an error. Of two errors, the frames
    of the student's code are compared from the outermost: a later line is further.
    """
    return max(failures, key=_progress)  # max returns the first of equals


def _progress(failure: Exception) -> tuple[bool, tuple[int, ...]]:
    if isinstance(failure, StudentError):
        return False, failure.path
    return True, ()
