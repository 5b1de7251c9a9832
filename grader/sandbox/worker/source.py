"""Runs a student's statements one by one, and says where in the notebook an error arose."""

from __future__ import annotations

import re
import sys
import traceback
import types
from typing import Any

MODULE = "notebook"  # not __main__, so that what stands behind that guard stays unrun
_PLACE = re.compile(r"<cell (\d+)>")


def new_namespace() -> types.ModuleType:
    """An empty module for the student's definitions, known to the import system as dataclasses need."""
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module
    return module


def run(statements: list[dict[str, Any]], namespace: types.ModuleType) -> list[dict[str, Any]]:
    """Execute statements in order; one that fails does not take the others along.

    Returns:
        The problems, each as ``describe`` gives them, with the number of the ``statement`` that failed.
    """
    problems = []
    for number, statement in enumerate(statements):
        text = "\n" * (statement["line"] - 1) + statement["source"]
        try:
            code = compile(text, f"<cell {statement['cell']}>", "exec", statement["flags"], dont_inherit=True)
            exec(code, namespace.__dict__)
        except (Exception, SystemExit) as error:
            problem = describe(error)
            if problem["cell"] is None:
                problem["cell"], problem["line"] = statement["cell"], statement["line"]
            problems.append({**problem, "statement": number})
    return problems


def describe(error: BaseException) -> dict[str, Any]:
    """What a student needs to know of an exception: type, message, and the cell and line it arose in."""
    place: tuple[int | None, int | None, str | None] = (None, None, None)
    for frame, number in traceback.walk_tb(error.__traceback__):
        if match := _PLACE.fullmatch(frame.f_code.co_filename):
            place = int(match[1]), number, frame.f_code.co_name
    cell, line, function = place
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "cell": cell,
        "line": line,
        "during": function if function != "<module>" else None,
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception:  # a __str__ of the student's may raise as well
        return ""
