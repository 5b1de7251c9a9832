"""Says what lies behind an error in student code, where that is known from reading the notebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from grader.sandbox.terms import StudentError

_NAME = re.compile(r"name '(\w+)' is not defined")


def explained(
    error: StudentError, unset: Mapping[str, str], problems: Iterable[Mapping[str, Any]]
) -> StudentError:
    """The error, with its cause where that is known.

    A name that is missing because its own statement failed gives that statement's error; one that nothing
    sets says so.
    """
    match = _NAME.search(error.message) if error.type == "NameError" else None
    if match is None:
        return error
    for problem in problems:
        if match[1] in problem.get("binds", ()):
            return StudentError(problem["type"], problem["message"], problem["cell"], problem["line"])
    if match[1] in unset:
        return StudentError(error.type, f"{error.message}: {unset[match[1]]}", error.cell, error.line)
    return error
