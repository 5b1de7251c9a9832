"""A limit counts processor time; who sleeps too long exceeds it, who could not run does not."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from grader.sandbox import deadlines
from grader.sandbox.deadlines import Exceeded, LimitWatcher, TimeLimit
from grader.sandbox.process_state import ProcessState, process_state

LONG = 600.0
RUNS, SLEEPS, STOPPED, WAITS = "runs", "sleeps", "stopped", "waits for a processor"


def _limit(seconds: float = 3.0, pid: int | None = 1) -> TimeLimit:
    return TimeLimit(pid=pid, seconds=seconds, on_exceed=lambda: None)


def _after(monkeypatch: pytest.MonkeyPatch, limit: TimeLimit, *lives: tuple[str, int]) -> Exceeded | None:
    """Count the seconds of a process that lives so, and return how it first exceeds its limit."""
    cpu = 0.0
    for doing, seconds in lives:
        for _ in range(seconds):
            cpu += doing == RUNS
            state = ProcessState(
                cpu_seconds=cpu, is_stopped=doing == STOPPED, is_asleep=doing in (SLEEPS, "judge")
            )
            monkeypatch.setattr(deadlines, "process_state", lambda _, state=state: state)
            limit.is_paused = doing == "judge"
            if exceeded := limit.count(1.0):
                return exceeded
    return None


@pytest.mark.parametrize(
    ("lives", "exceeded"),
    [
        ([(RUNS, 9)], Exceeded.PROCESSOR_TIME),
        ([(RUNS, 1), (SLEEPS, 99)], Exceeded.ASLEEP),
        ([(WAITS, 9), (RUNS, 2), (WAITS, 9)], None),
        ([(WAITS, 99)], Exceeded.STARVED),
        ([(STOPPED, 99)], Exceeded.STOPPED),
        ([(STOPPED, 5), (RUNS, 1), (STOPPED, 5)], None),
        ([("judge", 99), (RUNS, 2)], None),
        ([(SLEEPS, 20), (RUNS, 2)], None),
    ],
    ids=["loop", "sleep", "busy machine", "starved", "stopped", "stopped briefly", "judge computes", "naps"],
)
def test_what_a_limit_counts(monkeypatch, lives, exceeded):
    assert _after(monkeypatch, _limit(), *lives) is exceeded


def test_without_processor_times_the_clock_counts():
    limit = _limit(pid=None)
    assert [limit.count(1.0) for _ in range(3)] == [None, None, Exceeded.PROCESSOR_TIME]


def test_an_exceeded_limit_calls_back() -> None:
    called = threading.Event()
    limit = TimeLimit(pid=None, seconds=0.01, on_exceed=called.set)
    with LimitWatcher().watching(limit):
        assert called.wait(30)
    assert limit.exceeded is Exceeded.PROCESSOR_TIME


def test_a_block_that_ends_in_time_does_not_call_back() -> None:
    watcher, calls = LimitWatcher(), list[str]()
    with watcher.watching(TimeLimit(pid=None, seconds=0.05, on_exceed=lambda: calls.append("done in time"))):
        pass
    later = threading.Event()
    with watcher.watching(TimeLimit(pid=None, seconds=0.1, on_exceed=later.set)):
        assert later.wait(30)
    assert calls == []


def test_a_shorter_limit_is_not_delayed_by_a_longer_one() -> None:
    watcher, shorter, longer = LimitWatcher(), threading.Event(), threading.Event()
    with (
        watcher.watching(TimeLimit(pid=None, seconds=LONG, on_exceed=longer.set)),
        watcher.watching(TimeLimit(pid=None, seconds=0.01, on_exceed=shorter.set)),
    ):
        assert shorter.wait(30)
    assert not longer.is_set()


def test_many_threads_share_one_watching_thread() -> None:
    watcher, barrier = LimitWatcher(), threading.Barrier(8)
    called = [threading.Event() for _ in range(8)]

    def wait(event: threading.Event) -> None:
        barrier.wait()
        with watcher.watching(TimeLimit(pid=None, seconds=0.01, on_exceed=event.set)):
            event.wait(30)

    before = threading.active_count()
    threads = [threading.Thread(target=wait, args=(event,)) for event in called]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(event.is_set() for event in called)
    assert threading.active_count() == before + 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how processes fare")
def test_the_state_of_a_process_is_read_from_the_system() -> None:
    import subprocess

    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        deadline = time.monotonic() + 30
        while not ((state := process_state(process.pid)) and state.is_asleep):
            assert time.monotonic() < deadline
        process.send_signal(19)
        while not ((state := process_state(process.pid)) and state.is_stopped):
            assert time.monotonic() < deadline
        assert not state.is_asleep
    finally:
        process.kill()
        process.wait()
    assert process_state(process.pid) is None
