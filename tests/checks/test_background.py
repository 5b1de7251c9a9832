"""Work that was begun before it is asked for gives what it came to, whatever that is, and can be given up."""

from __future__ import annotations

import threading

import pytest

from grader.checks import Unmet
from grader.checks.background import BackgroundTask


def test_its_result_is_waited_for() -> None:
    begun, let = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        let.wait(30)
        return 42

    ahead = BackgroundTask(work, stop=let.set)
    assert begun.wait(30)
    let.set()
    assert ahead.result() == ahead.result() == 42


def test_what_it_raises_is_raised_where_it_is_asked_for() -> None:
    def work() -> None:
        raise Unmet("It does not learn.")

    ahead = BackgroundTask(work, stop=lambda: None)
    for _ in range(2):
        with pytest.raises(Unmet, match="does not learn"):
            ahead.result()


def test_nobody_waits_for_what_is_given_up() -> None:
    stopped = threading.Event()
    ahead = BackgroundTask(lambda: stopped.wait(600), stop=stopped.set)
    ahead.close()
    assert stopped.is_set()
    ahead.close()
