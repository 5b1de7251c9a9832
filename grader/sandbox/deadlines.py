"""Deadlines for blocking calls, all watched by one thread.

A read from a worker's pipe cannot time out by itself. So a deadline calls a function from another thread,
which kills the worker, and the read ends. ``threading.Timer`` would do the same with a new thread for each
call, but most calls are answered within milliseconds.

Pending deadlines lie in a heap, the earliest first. The thread sleeps until that one is due, or until an
earlier one arrives. Leaving the block only removes the callback; the heap entry is dropped when it comes
up.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Callback = Callable[[], None]


class DeadlineScheduler:
    """Any number of concurrent deadlines; the thread that watches them starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int]] = []  # heap of (monotonic time, number)
        self._callbacks: dict[int, Callback] = {}  # of the deadlines that have not passed or been met
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    @contextmanager
    def deadline(self, seconds: float, on_expire: Callback) -> Iterator[None]:
        """Call ``on_expire`` from the watching thread if the block takes longer than ``seconds``."""
        number, at = next(self._numbers), time.monotonic() + seconds
        with self._changed:
            self._callbacks[number] = on_expire
            heapq.heappush(self._due, (at, number))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif self._due[0][1] == number:  # earlier than the one that the thread waits for
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._callbacks.pop(number, None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                on_expire = self._next_due()
            on_expire()  # without the lock, so that a slow one does not hold up new deadlines

    def _next_due(self) -> Callback:
        """Wait for the next deadline to pass, and return its callback."""
        while True:
            while self._due and self._due[0][1] not in self._callbacks:  # it was met
                heapq.heappop(self._due)
            if not self._due:
                self._changed.wait()
            elif (left := self._due[0][0] - time.monotonic()) > 0:
                self._changed.wait(left)
            else:
                return self._callbacks.pop(heapq.heappop(self._due)[1])
