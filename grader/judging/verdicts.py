"""The verdict for what a check raised."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from typing import Any

import pytest

from grader.checks import Blocked, NeedsReview, Skipped, Unmet
from grader.errors import WorkerStartError

_LIBRARIES = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")


def verdict_for(error: BaseException, *, in_fixture: bool) -> dict[str, Any]:
    """Return verdict, message and credit of a check that raised ``error``, itself or in a fixture."""
    from grader.sandbox.values import DeviceError, StudentError, WorkerLost

    not_met = "blocked" if in_fixture else "fail"
    match error:
        case Unmet():
            found = {"expected": error.expected, "actual": error.actual, "reading": error.reading}
            found = {key: value for key, value in found.items() if value is not None}
            decided = {
                "verdict": not_met,
                "message": str(error),
                "misconception": error.misconception,
                "credit": 0.0 if in_fixture else error.credit,
            }
            return decided | found
        case Blocked():
            return {"verdict": "blocked", "message": str(error)}
        case Skipped():
            return {"verdict": "skipped", "message": str(error)}
        case WorkerLost() | WorkerStartError():
            return {"verdict": "error", "message": f"Not checked, because {error}."}
        case NeedsReview():
            return {"verdict": "error", "message": str(error)}
        case DeviceError():
            what_to_do = "grade it again with --device cpu, or fewer --jobs"
            return {"verdict": "error", "message": f"Not checked: {error}; {what_to_do}."}
        case StudentError(type="ModuleNotFoundError"):
            return {
                "verdict": "error",
                "message": f"Your code needs a module that is not installed here: {error}",
            }
        case StudentError():
            return {"verdict": not_met, "message": f"Your code raised an error: {error}"}
        case AssertionError() if str(error):
            return {"verdict": not_met, "message": str(error).splitlines()[0]}
    what = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return {"verdict": "error", "message": f"The grader failed here ({what}; {_where(error)})."}


def _where(error: BaseException) -> str:
    """Return the innermost place of the traceback outside libraries, or the innermost of all."""
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place in places if not place[0].startswith(_LIBRARIES)]
    file, line = (ours or places or [("?", 0)])[-1]
    return f"{Path(file).name}, line {line}"


def is_device_error(error: BaseException) -> bool:
    """Return whether the GPU failed."""
    from grader.sandbox.values import DeviceError

    return isinstance(error, DeviceError)


def is_timeout(error: BaseException) -> bool:
    """Return whether pytest-timeout ended a check."""
    return isinstance(error, pytest.fail.Exception) and "Timeout" in str(error)
