"""Repairs of a slip: one small edit of one statement, which keeps every line where it was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from grader.checks import Unmet
from grader.checks.repairs import _candidates, failing_line
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError


def _source(text: str) -> WorkerSource:
    statement: dict[str, Any] = {"cell": 3, "line": 5, "source": text, "flags": 0, "binds": ["work"]}
    return WorkerSource(statements=[statement], needs={"work": [0]})


def _repaired(text: str, error: Exception) -> list[str]:
    student = cast("Student", SimpleNamespace(source=_source(text)))
    return [candidate.text for candidate in _candidates(student, "work", error)]


@pytest.mark.parametrize(
    ("text", "error", "repaired"),
    [
        (
            "def work(loss):\n    return los",
            StudentError("NameError", "name 'los' is not defined", 3, 6),
            "def work(loss):\n    return loss",
        ),
        (
            "def work(self):\n    self.two = 1\n    return self.tow",
            StudentError("AttributeError", "'Net' object has no attribute 'tow'", 3, 7),
            "def work(self):\n    self.two = 1\n    return self.two",
        ),
        (
            "def work(x):\n    'µ'; y = (x +\n        1)\n    # the end",
            Unmet("work returns None. Is a return statement missing?"),
            "def work(x):\n    'µ'; y = (x +\n        1); return y\n    # the end",
        ),
        (
            "def work(x):\n    y = [x,\n        1]\n",
            Unmet("work returns None."),
            "def work(x):\n    y = [x,\n        1]; return y\n",
        ),
        (
            "def work(x, t):\n    return x[t + 1]",
            StudentError("IndexError", "index 9 is out of bounds", 3, 6),
            "def work(x, t):\n    return x[t]",
        ),
        (
            "def work(x, T):\n    for t in range(T, 0, -1):\n        x = x[t]",
            StudentError("IndexError", "index 9 is out of bounds", 3, 7),
            "def work(x, T):\n    for t in range(T - 1, 0 - 1, -1):\n        x = x[t]",
        ),
        (
            "work = Conv(32, 8)",
            StudentError("RuntimeError", "expected to have 32 channels, but got 64 channels", 3, 5),
            "work = Conv(64, 8)",
        ),
    ],
)
def test_a_slip_is_repaired_in_its_place(text: str, error: Exception, repaired: str) -> None:
    assert repaired in _repaired(text, error)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "def work(image):\n    return noisy_image",
            StudentError("NameError", "name 'noisy_image' is not defined", 3, 6),
        ),
        ("def work(x):\n    return z", StudentError("NameError", "name 'work' is not defined", 3, 6)),
        ("def work(x):\n    y = x\n    return None", Unmet("work returns None.")),
        ("def work(x):\n    pass", Unmet("work returns None.")),
        ("def work(x):\n    return x[0]", StudentError("IndexError", "index 0 is out of bounds", 3, 6)),
        ("def work(x):\n    return los", StudentError("NameError", "name 'los' is not defined", 4, 6)),
    ],
)
def test_what_is_not_begun_is_not_repaired(text: str, error: Exception) -> None:
    """A name that resembles no other one, a value that does not exist, an error in another cell."""
    assert _repaired(text, error) == []


def test_the_failing_line_is_that_of_the_cell() -> None:
    source = _source("def work():\n    self.x = 1")
    assert failing_line(source, StudentError("TypeError", "", 3, 6)) == "    self.x = 1"
    assert failing_line(source, StudentError("TypeError", "", 4, 6)) == ""
    assert failing_line(source, Unmet("none")) == ""
