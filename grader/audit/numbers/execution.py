"""Execute the cells of a notebook from top to bottom in one namespace, as a notebook server does."""

from __future__ import annotations

import builtins
import linecache
import signal
import sys
import traceback
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from grader.audit.numbers.scripted import Script

CELL_SECONDS = 10  # after which a cell is interrupted, as by the stop button
_RUN_THEIR_BODY = frozenset({"time", "timeit", "capture", "prun"})


@dataclass(frozen=True, slots=True)
class Notebook:
    """An executed notebook.

    Attributes:
        names: its namespace.
        errors: the error of each cell that stopped with one, by its number, counted from 1.
    """

    names: dict[str, Any]
    script: Script
    errors: dict[int, str] = field(default_factory=dict)


def execute(cells: Sequence[str], script: Script) -> Notebook:
    """Execute every cell, whatever happened in the ones before."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    shell = _Shell(module.__dict__)
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    module.__dict__.update({"display": lambda *given, **named: None, "exit": _leave, "quit": _leave})
    notebook = Notebook(module.__dict__, script)
    signal.signal(signal.SIGALRM, _interrupt)
    for number, cell in enumerate(cells, 1):
        signal.alarm(CELL_SECONDS)
        try:
            shell.run(cell, f"<cell {number}>")
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            notebook.errors[number] = traceback.format_exception_only(error)[-1].strip()[:300]
        finally:
            signal.alarm(0)
    return notebook


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _leave(code: object = None) -> None:
    raise SystemExit(code)


class _Shell:
    """Stand-in for IPython's shell: code inside a magic runs, all other magics and commands do nothing."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.user_ns = names
        self.transform = TransformerManager().transform_cell  # type: ignore[no-untyped-call]

    def run(self, source: str, name: str) -> None:
        """Execute a cell."""
        code = self.transform(source)
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec", dont_inherit=True), self.names)

    def run_line_magic(self, name: str, line: str, *given: object, **named: object) -> None:
        """Execute the code of a ``%time``; leave out other magics."""
        if name in _RUN_THEIR_BODY:
            self.run(line.strip(), f"<%{name}>")

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Execute the cell under a ``%%time``; leave out other magics."""
        if name in _RUN_THEIR_BODY:
            self.run(cell, f"<%%{name}>")

    def system(self, command: str) -> None:
        """Leave out a shell command."""

    def getoutput(self, command: str, *given: object, **named: object) -> list[str]:
        """Leave out a shell command."""
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: None
