"""Code that inspects the interpreter gets a note for the TA; ordinary code does not."""

from __future__ import annotations

import pytest
from corpus import CORPUS

from grader.extraction.introspection import notes
from grader.extraction.statements import statements
from grader.notebook.formats import Cell
from grader.notebook.syntax import parse_cell


def introspection_notes(*sources: str) -> list[str]:
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
def test_the_note_gives_the_name_and_the_place(source: str, what: str) -> None:
    (note,) = introspection_notes("x = 1", source)
    assert note.startswith(f"Your code uses `{what}` (cell 2, line ")


def test_lines_are_counted_from_the_top_of_the_cell() -> None:
    (note,) = introspection_notes("x = 1\n\ndef f():\n    y = 2\n    return f.__globals__")
    assert "(cell 1, line 5)" in note


def test_decorators_count_as_lines() -> None:
    (note,) = introspection_notes("@cache\n@wraps(g)\ndef f():\n    return f.__globals__")
    assert "(cell 1, line 4)" in note


@pytest.mark.parametrize("name", CORPUS.right_names)
def test_no_right_solution_gets_a_note(name: str) -> None:
    assert introspection_notes(*(source for _, source in CORPUS.right_cells(name))) == []
