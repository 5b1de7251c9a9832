"""Code that reaches for the interpreter's insides is pointed out; ordinary code is not."""

from __future__ import annotations

import pytest
from corpus import CORPUS

from grader.extraction.introspection import notes
from grader.extraction.statements import statements
from grader.notebook.formats import Cell
from grader.notebook.syntax import parse_cell


def noted(*sources: str) -> list[str]:
    cells = [Cell(number, source) for number, source in enumerate(sources, start=1)]
    return notes(statements(map(parse_cell, cells))[0])


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import ctypes", "ctypes"),
        ("from gc import get_objects", "gc"),
        ("def f():\n    import sys\n    return sys._getframe()", "sys._getframe"),
        ("from inspect import stack", "inspect.stack"),
        ("class A:\n    x = f.__globals__", "__globals__"),
        ("import os\nos._exit(0)", "os._exit"),
    ],
)
def test_it_is_pointed_out_where_it_stands(source: str, what: str) -> None:
    (note,) = noted("x = 1", source)
    assert note.startswith("Cell 2, line ")
    assert f"`{what}`" in note


def test_the_line_is_counted_in_the_cell() -> None:
    (note,) = noted("x = 1\n\ndef f():\n    y = 2\n    return f.__globals__")
    assert note.startswith("Cell 1, line 5")


@pytest.mark.parametrize("name", CORPUS.right_names)
def test_no_right_solution_needs_any_of_it(name: str) -> None:
    assert noted(*(source for _, source in CORPUS.right_cells(name))) == []
