"""Calls whoever is not done in time: one thread for all of a process's questions, where each would need a
timer's thread of its own.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Call = Callable[[], None]


class DeadlineScheduler:
    """Deadlines, any number at a time; the thread that watches them starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int]] = []  # a heap of times and numbers
        self._calls: dict[int, Call] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    @contextmanager
    def deadline(self, seconds: float, call: Call) -> Iterator[None]:
        """Call ``call``, in another thread, if the block takes longer."""
        number, at = next(self._numbers), time.monotonic() + seconds
        with self._changed:
            self._calls[number] = call
            heapq.heappush(self._due, (at, number))
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif self._due[0][1] == number:  # sooner than what the thread waits for
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls.pop(number, None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                call = self._next_due()
            call()

    def _next_due(self) -> Call:
        """Wait for the next deadline that passes."""
        while True:
            while self._due and self._due[0][1] not in self._calls:  # it was done in time
                heapq.heappop(self._due)
            if not self._due:
                self._changed.wait()
            elif (left := self._due[0][0] - time.monotonic()) > 0:
                self._changed.wait(left)
            else:
                return self._calls.pop(heapq.heappop(self._due)[1])
