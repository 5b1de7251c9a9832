"""Time limits for calls of student code, in processor time, all watched by one thread.

A limit counts the processor time of the worker, since the time on the clock depends on what else the
machine does. A call that takes ten times as long on the clock is ended, too. Then it has either slept for
longer than its limit, which is the doing of its code, or could not run: then the machine was too busy,
which says nothing about the code. The same holds for a worker that was stopped from outside.
``judging.accidents`` says what follows. Where the system does not report processor time, the clock counts.

A read from a worker's pipe cannot time out by itself. So a limit that is exceeded calls a function from the
watching thread, which kills the worker, and the read ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from grader.sandbox.process_state import ProcessState, process_state

BACKSTOP = 10  # seconds on the clock for each second of processor time
STOPPED_SECONDS = 10.0
_PERIOD = 0.1
# The clock goes on while this process itself is stopped, or gets no processor, which must not count.
_LONGEST_PERIOD = 1.0


class Exceeded(Enum):
    """Ways in which a call exceeds its limit; the last two are accidents."""

    PROCESSOR_TIME = "used its processor time"
    ASLEEP = "slept"
    STOPPED = "its process was stopped from outside"
    STARVED = "the machine was too busy to run it"


@dataclass(slots=True, kw_only=True, eq=False)
class TimeLimit:
    """The time limit of one call.

    Attributes:
        pid: process id of the worker; None where the system does not report processor time.
        seconds: processor time for the call.
        on_exceed: called once, from another thread, when the limit is exceeded.
        exceeded: how, if it was.
        is_paused: the worker waits for the judge, so that the clock does not count.
    """

    pid: int | None
    seconds: float
    on_exceed: Callable[[], None]
    exceeded: Exceeded | None = None
    is_paused: bool = False
    _used: float = 0.0
    _waited: float = 0.0
    _slept: float = 0.0
    _stopped: float = 0.0
    _cpu_before: float | None = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock while the judge computes what the worker waits for."""
        self.is_paused = True
        try:
            yield
        finally:
            self.is_paused = False

    def count(self, elapsed: float) -> Exceeded | None:
        """Count the last ``elapsed`` seconds on the clock, and return how that exceeds the limit, if so."""
        state = None if self.pid is None else process_state(self.pid)
        if state is None:
            self._used += elapsed
        else:
            self._count(elapsed, state)
        if self._used >= self.seconds:
            return Exceeded.PROCESSOR_TIME
        if self._stopped >= STOPPED_SECONDS:
            return Exceeded.STOPPED
        if self._waited >= BACKSTOP * self.seconds:
            by_choice = self._used + self._slept >= self.seconds
            return Exceeded.ASLEEP if by_choice else Exceeded.STARVED
        return None

    def _count(self, elapsed: float, state: ProcessState) -> None:
        before = state.cpu_seconds if self._cpu_before is None else self._cpu_before
        self._cpu_before = state.cpu_seconds
        self._used += state.cpu_seconds - before
        if self.is_paused:
            return  # from here on only time that passes without work
        self._waited += elapsed
        self._slept += elapsed if state.is_asleep else 0.0
        self._stopped = self._stopped + elapsed if state.is_stopped else 0.0


class LimitWatcher:
    """Any number of concurrent limits; the thread that watches them starts with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._limits: set[TimeLimit] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, limit: TimeLimit) -> Iterator[None]:
        """Enforce a limit while the block runs."""
        with self._changed:
            self._limits.add(limit)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()
            elif len(self._limits) == 1:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._limits.discard(limit)

    def _watch(self) -> None:
        before = time.monotonic()
        while True:
            with self._changed:
                if not self._limits:
                    self._changed.wait()
                    before = time.monotonic()
            time.sleep(_PERIOD)
            now = time.monotonic()
            elapsed, before = min(now - before, _LONGEST_PERIOD), now
            with self._changed:
                limits = list(self._limits)
            for limit in limits:
                if exceeded := limit.count(elapsed):
                    self._exceed(limit, exceeded)

    def _exceed(self, limit: TimeLimit, exceeded: Exceeded) -> None:
        with self._changed:
            if limit not in self._limits:
                return  # the call has ended meanwhile
            self._limits.remove(limit)
            limit.exceeded = exceeded  # before the kill: a reader sees the worker die and asks why
        limit.on_exceed()
