"""A notebook of the cells that a kernel has run."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Sequence

_OWN = ("%grade", "%load_ext grader", "%reload_ext grader")


def cells_of(typed: Sequence[str], compiled: Sequence[str]) -> list[str]:
    """Return the cells of a history: cell n is input n, so that "cell 7" is what stands beside ``In [7]``.

    Of inputs with the same text only the last counts, as a cell that is run again comes later. An input that
    is no Python was not run, and lines that call this magic are left empty.

    Args:
        typed: the text of each input as it was typed; the first, which no input has, is ignored.
        compiled: the same with IPython's own syntax made Python.
    """
    inputs = typed[1:]
    last = {text: number for number, text in enumerate(inputs)}
    return [
        _without_own_lines(text) if last[text] == number and _is_python(python) else ""
        for number, (text, python) in enumerate(zip(inputs, compiled[1:], strict=True))
    ]


def _without_own_lines(text: str) -> str:
    return "\n".join("" if line.strip().startswith(_OWN) else line for line in text.split("\n"))


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def notebook_of(cells: Sequence[str]) -> str:
    """Return the file of a notebook with these cells, as JSON."""
    made = [
        {
            "cell_type": "code",
            "id": f"in-{number}",
            "source": source,
            "outputs": [],
            "metadata": {},
            "execution_count": number,
        }
        for number, source in enumerate(cells, start=1)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
