"""The plain interpreter: read notebooks as lines of JSON, execute each in a fork, answer with its numbers.

It is started by ``client.py`` with the path of the rubric's script and a time limit. There is no sandbox: it
is for the rubric's own solutions only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch

from grader.audit.numbers.execution import Notebook, execute
from grader.audit.numbers.flat import flat
from grader.audit.numbers.scripted import Script

QUESTION_SEED = 11  # of random numbers, before each quantity


class Measure(Protocol):
    """The interface of ``audit/numbers.py``."""

    def measure(self, notebook: Notebook) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Yield the name of each quantity, and the function that computes it."""
        ...

    def prepare(self) -> None:
        """Replace what a notebook would download, and warm up what is slow the first time."""
        ...


def main(script_path: str, limit: str) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what notebooks print
    os.dup2(1, 2)
    torch.set_num_threads(1)
    module = _load(Path(script_path))
    module.prepare()
    for line in sys.stdin:
        started = time.monotonic()
        answer = _in_a_fork(module, json.loads(line), float(limit))
        answer["seconds"] = round(time.monotonic() - started, 3)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _load(path: Path) -> Measure:
    spec = importlib.util.spec_from_file_location("rubric_numbers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rubric_numbers"] = module
    spec.loader.exec_module(module)
    return module


def _in_a_fork(module: Measure, cells: list[str], limit: float) -> dict[str, Any]:
    """Return the answer of a child process: a line of JSON for each quantity, as far as it came."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.setpgid(0, 0)
            with os.fdopen(writing, "w") as answer:
                _answer(module, cells, lambda row: print(json.dumps(row), file=answer, flush=True))
        finally:
            os._exit(0)
    os.close(writing)
    text, in_time = _read(reading, time.monotonic() + limit)
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    rows = [json.loads(row) for row in text.splitlines() if row.endswith("}")]
    ended = {} if any(row.get("done") for row in rows) else {"notebook": "ended" if in_time else "Timeout"}
    values = {row["name"]: row["values"] for row in rows if "values" in row}
    errors = {row["name"]: row["error"] for row in rows if "error" in row}
    return {"values": values, "errors": errors | ended}


def _read(source: int, deadline: float) -> tuple[str, bool]:
    """Return all that is written to a pipe until it is closed, and whether that was before the deadline."""
    pieces: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            if not (piece := os.read(source, 1 << 20)):
                return b"".join(pieces).decode(), True
            pieces.append(piece)
    return b"".join(pieces).decode(), False


def _answer(module: Measure, cells: list[str], say: Callable[[dict[str, Any]], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        script = Script(QUESTION_SEED)
        script.replace_random_functions()
        notebook = execute(cells, script)
        for number, error in notebook.errors.items():
            say({"name": f"cell {number}", "error": error})
        for name, compute in module.measure(notebook):
            script.restart(QUESTION_SEED)
            torch.manual_seed(QUESTION_SEED)
            try:
                say({"name": name, "values": flat(compute())})
            except (Exception, SystemExit) as error:
                say({"name": name, "error": _one_line(error)})
        say({"done": True})


def _one_line(error: BaseException) -> str:
    lines = traceback.format_exception_only(error)
    return lines[-1].strip()[:300]


if __name__ == "__main__":
    main(*sys.argv[1:])
