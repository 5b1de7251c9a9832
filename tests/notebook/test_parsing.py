"""Several jobs parse notebooks in threads, which CPython's parser does not survive without a lock."""

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
def _frequent_thread_switches() -> Iterator[None]:
    """Switch threads even in the middle of a tree: a garbage collection that runs a callback allows it."""
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


@pytest.mark.usefixtures("_frequent_thread_switches")
def test_threads_can_parse_at_the_same_time() -> None:
    assert _failures(parse) == 0


@pytest.mark.usefixtures("_frequent_thread_switches")
@pytest.mark.skipif(sys.version_info >= (3, 11, 8), reason="fixed in CPython 3.11.8")
def test_without_the_lock_they_could_not() -> None:
    """Otherwise the test above could not fail."""
    assert any(_failures(ast.parse) for _ in range(20))


def test_an_invalid_escape_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse('x = "\\d"')
