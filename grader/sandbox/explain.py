"""Says what lies behind an error in student code, where that is known from reading the notebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from grader.sandbox.terms import StudentError

_NAME = re.compile(r"name '(\w+)' is not defined")


def student_error(
    raised: Mapping[str, Any], unset: Mapping[str, str], problems: Iterable[Mapping[str, Any]]
) -> StudentError:
    """The error for what a worker says was raised.

    A name that is missing because its own statement failed gives that statement's error; one that
    nothing sets says so.
    """
    kind, message = str(raised.get("type")), str(raised.get("message"))
    match = _NAME.search(message) if kind == "NameError" else None
    if match:
        for problem in problems:
            if match[1] in problem.get("binds", ()):
                return StudentError(problem["type"], problem["message"], problem["cell"], problem["line"])
        if match[1] in unset:
            message = f"{message}: {unset[match[1]]}"
    return StudentError(kind, message, raised.get("cell"), raised.get("line"))
