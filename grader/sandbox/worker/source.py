"""Runs a student's statements one by one, and says where in the notebook an error arose."""

from __future__ import annotations

import contextlib
import linecache
import re
import signal
import sys
import threading
import traceback
import types
from collections.abc import Iterator
from typing import Any

from . import absent, colab, standins

MODULE = "notebook"  # not __main__, so that what stands behind that guard stays unrun
SECONDS = 15  # for one statement at top level; definitions and constants take none
_PLACE = re.compile(r"<cell (\d+)>|<([^<>]+\.py)>")


def new_namespace() -> types.ModuleType:
    """A module for the student's definitions, known to the import system as dataclasses need."""
    module = types.ModuleType(MODULE)
    module.__dict__.update(colab.names())
    sys.modules[MODULE] = module
    return module


def run(statements: list[dict[str, Any]], namespace: types.ModuleType) -> list[dict[str, Any]]:
    """Execute statements in order; one that fails does not take the others along.

    An import of what is not installed leaves a stand-in that complains when it is used, and a notice.

    Returns:
        The problems, each as ``describe`` gives them, with the names that the failed statement ``binds``.
    """
    problems = []
    for statement in statements:
        cell = statement["cell"]
        text = "\n" * (statement["line"] - 1) + statement["source"]
        name = f"<cell {cell}>" if isinstance(cell, int) else f"<{cell}>"
        _remember(name, statement)
        try:
            code = compile(text, name, "exec", statement["flags"], dont_inherit=True)
            with _time_limit():
                exec(code, namespace.__dict__)
        except (Exception, SystemExit) as error:
            if isinstance(error, ModuleNotFoundError) and _bound(statement["source"], name, error, namespace):
                continue
            problem = describe(error)
            if problem["cell"] is None:
                problem["cell"], problem["line"] = cell, statement["line"]
            problems.append({**problem, "binds": statement.get("binds", [])})
    return problems


def _remember(name: str, statement: dict[str, Any]) -> None:
    """Let ``inspect`` find the source, as it does in a notebook: TorchScript reads it."""
    lines = linecache.getlines(name)
    own = [f"{line}\n" for line in statement["source"].split("\n")]
    first = statement["line"] - 1
    lines += ["\n"] * (first + len(own) - len(lines))
    lines[first : first + len(own)] = own
    linecache.cache[name] = (sum(map(len, lines)), None, lines, name)


def _bound(source: str, place: str, error: ModuleNotFoundError, namespace: types.ModuleType) -> bool:
    try:
        missing = absent.bind_imports(source, place, error.name, namespace.__dict__)
    except Exception:
        return False
    for module in missing:
        standins.notice(f"{module} is not installed where this was graded; what uses it cannot be judged.")
    return bool(missing)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"this took more than {SECONDS} seconds at top level")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def describe(error: BaseException) -> dict[str, Any]:
    """What a student needs to know of an exception: type, message, and the cell and line it arose in."""
    place: tuple[int | str | None, int | None, str | None] = (None, None, None)
    for frame, number in traceback.walk_tb(error.__traceback__):
        if match := _PLACE.fullmatch(frame.f_code.co_filename):
            place = int(match[1]) if match[1] else match[2], number, frame.f_code.co_name
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
