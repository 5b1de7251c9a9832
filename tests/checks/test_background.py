"""Background tasks: results and exceptions reach the caller, and work can be stopped early."""

from __future__ import annotations

import threading

import pytest

from grader.checks import Unmet
from grader.checks.background import BackgroundTask


def test_result_waits_for_the_work() -> None:
    started, release = threading.Event(), threading.Event()

    def work() -> int:
        started.set()
        release.wait(30)
        return 42

    task = BackgroundTask(work, stop=release.set)
    assert started.wait(30)
    release.set()
    assert task.result() == task.result() == 42


def test_result_raises_what_the_work_raised() -> None:
    def work() -> None:
        raise Unmet("It does not learn.")

    task = BackgroundTask(work, stop=lambda: None)
    for _ in range(2):
        with pytest.raises(Unmet, match="does not learn"):
            task.result()


def test_close_stops_the_work() -> None:
    stopped = threading.Event()
    task = BackgroundTask(lambda: stopped.wait(600), stop=stopped.set)
    task.close()
    assert stopped.is_set()
    task.close()
