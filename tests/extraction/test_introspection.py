"""Code that inspects the interpreter gets a note for the TA; ordinary code does not."""

from __future__ import annotations

import pytest
from corpus import CORPUS

from grader.extraction.introspection import is_for_a_person, notes
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
    assert is_for_a_person(note)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("if torch.jit.is_tracing():\n    pass", "uses `is_tracing`"),
        ("from torch.jit import is_tracing", "uses `is_tracing`"),
        ("class A:\n    @classmethod\n    def __torch_function__(cls): pass", "uses `__torch_function__`"),
        (
            "def f(x):\n    if x.shape[0] == 4:\n        return x",
            "does something of its own for x.shape[0] == 4",
        ),
        (
            "def f(x):\n    return 1 if x.size(0) in (10, 16) else 2",
            "does something of its own for x.size(0) in",
        ),
        (
            "def f(m):\n    if type(m).__name__ == 'Module':\n        pass",
            "does something of its own for type(m)",
        ),
        (
            "def f(loader):\n    if type(loader) is not DataLoader:\n        pass",
            "does something of its own for type(loader) is not DataLoader",
        ),
        (
            "def f(train_loader):\n    if len(train_loader) < 100:\n        pass",
            "does something of its own for len(train_loader) < 100",
        ),
        (
            "def f(steps):\n    return 1 if steps == 50 else 2",
            "does something of its own for steps == 50",
        ),
        (
            "class A:\n    def f(self):\n        while self.steps not in (50, 100):\n            pass",
            "does something of its own for self.steps not in (50, 100)",
        ),
        (
            "def forward(self, x):\n    self.n += 1\n    return x if self.n > 40 else 0 * x",
            "does something of its own after a number of calls: self.n > 40",
        ),
        (
            "class A:\n    def forward(self, x):\n        self.n = getattr(self, 'n', 0) + 1\n"
            "        if getattr(self, 'n') % 2:\n            x = 0 * x",
            "does something of its own after a number of calls: getattr(self, 'n') % 2",
        ),
        ("seed = torch.initial_seed()", "uses `torch.initial_seed`"),
        (f"x = '{'QUJD' * 3000}'", "holds a text of 12,000 characters"),
        (f"x = {list(range(600))}", "holds a list of 600 values"),
    ],
)
def test_code_that_asks_who_calls_it_or_stores_data_is_named(source: str, what: str) -> None:
    assert introspection_notes(source)[0].startswith(f"Your code {what}")


@pytest.mark.parametrize(
    "source",
    [
        "if x.shape[1] == 3:\n    pass",
        "assert x.shape[0] == 4",
        "if len(x.shape) == 4:\n    pass",
        "if isinstance(m, nn.Conv2d):\n    pass",
        "if x.shape[0] == 1:\n    pass",
        "def f(m):\n    if type(m).__name__ != 'UNet':\n        raise TypeError",
        "def f(channels, t):\n    if channels == 3 or t > 50:\n        pass",
        "def f(loader):\n    if len(loader) > 0:\n        pass",
        "def forward(self, x):\n    if self.first:\n        print(x.shape)\n    self.first = False",
        "def forward(self, x):\n    self.seen += len(x)\n    return x if self.deep else 2 * x",
        "def update(self):\n    self.step += 1\n    if self.step > 10:\n        pass",
        "for epoch in range(n):\n    if epoch == 9:\n        pass",
        '"""' + "A sentence of a long text about the network.\n" * 400 + '"""',
        "torch.manual_seed(96)",
    ],
)
def test_ordinary_code_gets_no_note(source: str) -> None:
    assert introspection_notes(source) == []


def test_lines_are_counted_from_the_top_of_the_cell() -> None:
    (note,) = introspection_notes("x = 1\n\ndef f():\n    y = 2\n    return f.__globals__")
    assert "(cell 1, line 5)" in note


def test_decorators_count_as_lines() -> None:
    (note,) = introspection_notes("@cache\n@wraps(g)\ndef f():\n    return f.__globals__")
    assert "(cell 1, line 4)" in note


@pytest.mark.parametrize("name", CORPUS.right_names)
def test_no_right_solution_gets_a_note(name: str) -> None:
    assert introspection_notes(*(source for _, source in CORPUS.right_cells(name))) == []
