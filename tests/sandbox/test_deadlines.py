"""A callback runs when its deadline passes before the block is done, and only then."""

from __future__ import annotations

import threading

from grader.sandbox.deadlines import DeadlineScheduler

LONG = 600.0


def test_a_passed_deadline_calls_back() -> None:
    called = threading.Event()
    with DeadlineScheduler().deadline(0.01, called.set):
        assert called.wait(30)


def test_a_block_that_ends_in_time_does_not_call_back() -> None:
    scheduler, calls = DeadlineScheduler(), list[str]()
    with scheduler.deadline(0.05, lambda: calls.append("done in time")):
        pass
    later = threading.Event()
    with scheduler.deadline(0.1, later.set):  # due after the first would have been
        assert later.wait(30)
    assert calls == []


def test_an_earlier_deadline_is_not_delayed_by_a_later_one() -> None:
    """Even if the thread is already waiting for the later one."""
    scheduler, earlier, later = DeadlineScheduler(), threading.Event(), threading.Event()
    with scheduler.deadline(LONG, later.set):
        with scheduler.deadline(0.01, earlier.set):
            assert earlier.wait(30)
        with scheduler.deadline(0.01, earlier.clear):
            while earlier.is_set():
                pass
    assert not later.is_set()


def test_many_threads_share_one_scheduler_thread() -> None:
    scheduler, barrier = DeadlineScheduler(), threading.Barrier(8)
    called = [threading.Event() for _ in range(8)]

    def wait(event: threading.Event) -> None:
        barrier.wait()
        with scheduler.deadline(0.01, event.set):
            event.wait(30)

    before = threading.active_count()
    threads = [threading.Thread(target=wait, args=(event,)) for event in called]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(event.is_set() for event in called)
    assert threading.active_count() == before + 1
