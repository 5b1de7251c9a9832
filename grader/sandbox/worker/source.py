"""Executes a student's statements one by one, and locates errors in the notebook."""

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

from . import absent, colab, stubs

MODULE = "notebook"  # not __main__, so that code under ``if __name__ == "__main__":`` does not run
STATEMENT_SECONDS = 15  # of processor time, for one statement at top level; definitions take almost none
_BACKSTOP = 10
MAX_PATH = 20  # frames of an error
_FILENAME = re.compile(r"<cell (\d+)>|<([^<>]+\.py)>")  # the names under which ``run`` compiles statements


def new_namespace() -> types.ModuleType:
    """Return an empty module for the student's definitions.

    It is in ``sys.modules``, where dataclasses and pickle look up the module of a class.
    """
    module = types.ModuleType(MODULE)
    module.__dict__.update(colab.notebook_names())
    sys.modules[MODULE] = module
    return module


def run(statements: list[dict[str, Any]], namespace: types.ModuleType) -> list[dict[str, Any]]:
    """Execute statements in order; one that fails does not stop the others.

    An import of a missing package binds placeholders (see ``absent``) and adds a notice.

    Returns:
        The problems, each as ``describe`` returns it, plus the names that the failed statement ``binds``.
    """
    problems = []
    for statement in statements:
        cell = statement["cell"]
        # Blank lines in front give every line of the statement its number within the cell.
        text = "\n" * (statement["line"] - 1) + statement["source"]
        filename = f"<cell {cell}>" if isinstance(cell, int) else f"<{cell}>"
        _add_to_linecache(filename, statement)
        try:
            code = compile(text, filename, "exec", statement["flags"], dont_inherit=True)
            with _time_limit():
                exec(code, namespace.__dict__)
        except (Exception, SystemExit) as error:
            if isinstance(error, ModuleNotFoundError) and _bound_placeholders(
                statement["source"], filename, error, namespace
            ):
                continue
            problem = describe(error)
            if problem["cell"] is None:
                problem["cell"], problem["line"] = cell, statement["line"]
            problems.append({**problem, "binds": statement.get("binds", [])})
    return problems


def _add_to_linecache(filename: str, statement: dict[str, Any]) -> None:
    """Make the source available to ``inspect``, as in a notebook; TorchScript compiles from it."""
    lines = linecache.getlines(filename)
    own = [f"{line}\n" for line in statement["source"].split("\n")]
    first = statement["line"] - 1
    lines += ["\n"] * (first + len(own) - len(lines))
    lines[first : first + len(own)] = own
    linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)


def _bound_placeholders(
    source: str, filename: str, error: ModuleNotFoundError, namespace: types.ModuleType
) -> bool:
    try:
        missing = absent.bind_imports(source, filename, error.name, namespace.__dict__)
    except Exception:
        return False
    for module in missing:
        stubs.notice(f"{module} is not installed on the grading machine; code that uses it is not checked.")
    return bool(missing)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raise TimeoutError within the block after ``STATEMENT_SECONDS``, where the system has SIGALRM.

    The time is that of the processor, and ten times that on the clock.

    Python runs signal handlers in the main thread between bytecodes, so the exception surfaces in the
    statement itself. A long call into C is not interrupted; the judge's deadline ends that worker.
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"this statement took more than {STATEMENT_SECONDS} seconds at top level")

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, 1), (signal.SIGALRM, signal.ITIMER_REAL, _BACKSTOP))
    previous = [signal.signal(number, stop) for number, _, _ in timers]
    for _, timer, times in timers:
        signal.setitimer(timer, times * STATEMENT_SECONDS)
    try:
        yield
    finally:
        for (number, timer, _), before in zip(timers, previous, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, before)


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception's type and message, and the innermost line of student code that it passed through.

    "cell" is a cell number, the name of a local module, or None if no student code was involved. "path" holds
    the line of every student frame, from the outermost.
    """
    path: list[int] = []
    location: tuple[int | str | None, int | None, str | None] = (None, None, None)
    for frame, number in traceback.walk_tb(error.__traceback__):
        if match := _FILENAME.fullmatch(frame.f_code.co_filename):
            location = int(match[1]) if match[1] else match[2], number, frame.f_code.co_name
            path.append(number)
    cell, line, function = location
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "cell": cell,
        "line": line,
        "during": function if function != "<module>" else None,
        "path": path[:MAX_PATH],
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception:  # a student's __str__ may raise as well
        return ""
