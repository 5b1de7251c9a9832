"""Whoever is not done in time is called; whoever is done is left alone."""

from __future__ import annotations

import threading

from grader.sandbox.deadlines import DeadlineScheduler

LONG = 600.0


def test_a_block_that_takes_longer_is_called() -> None:
    called = threading.Event()
    with DeadlineScheduler().deadline(0.01, called.set):
        assert called.wait(30)


def test_a_block_that_is_done_is_not_called() -> None:
    alarm, calls = DeadlineScheduler(), list[str]()
    with alarm.deadline(0.05, lambda: calls.append("done in time")):
        pass
    later = threading.Event()
    with alarm.deadline(0.1, later.set):  # due after the first would have been
        assert later.wait(30)
    assert calls == []


def test_a_sooner_deadline_goes_before_a_later_one() -> None:
    """Also where the thread waits for the later one already."""
    alarm, sooner, later = DeadlineScheduler(), threading.Event(), threading.Event()
    with alarm.deadline(LONG, later.set):
        with alarm.deadline(0.01, sooner.set):
            assert sooner.wait(30)
        with alarm.deadline(0.01, sooner.clear):
            while sooner.is_set():
                pass
    assert not later.is_set()


def test_many_threads_have_one_alarm() -> None:
    alarm, barrier = DeadlineScheduler(), threading.Barrier(8)
    called = [threading.Event() for _ in range(8)]

    def wait(one: threading.Event) -> None:
        barrier.wait()
        with alarm.deadline(0.01, one.set):
            one.wait(30)

    before = threading.active_count()
    threads = [threading.Thread(target=wait, args=(one,)) for one in called]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one.is_set() for one in called)
    assert threading.active_count() == before + 1
