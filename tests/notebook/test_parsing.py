"""Notebooks are read by as many threads as there are jobs, which Python's own parser does not bear."""

from __future__ import annotations

import ast
import gc
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.notebook.parsing import parse

SOURCE = "\n".join(f"def f{n}(x, y=[{n}]):\n    return [x ** y[0] + {n} for x in y if x]" for n in range(60))


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    """In the middle of a tree, too: a collection that calls anything lets another thread go on."""
    before, callback = (sys.getswitchinterval(), gc.get_threshold()), lambda phase, info: sum(range(50))
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    gc.callbacks.append(callback)
    yield
    gc.callbacks.remove(callback)
    sys.setswitchinterval(before[0])
    gc.set_threshold(*before[1])


def _failures(parser: Callable[[str], ast.Module]) -> int:
    def fails(_: int) -> bool:
        try:
            parser(SOURCE)
        except SystemError:
            return True
        return False

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(fails, range(400)))


@pytest.mark.usefixtures("_threads_take_turns_often")
def test_threads_that_parse_at_once_do_not_fail() -> None:
    assert _failures(parse) == 0


@pytest.mark.usefixtures("_threads_take_turns_often")
@pytest.mark.skipif(sys.version_info >= (3, 11, 8), reason="known to fail before only")
def test_which_they_would_without_taking_turns() -> None:
    """Else the test above could not fail."""
    assert any(_failures(ast.parse) for _ in range(20))


def test_an_invalid_escape_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse('x = "\\d"')
