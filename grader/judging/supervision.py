"""Supervision of a judge: it is killed when it is stopped, falls silent, or uses far too much time."""

from __future__ import annotations

import threading
import time

from grader.closing import Closing
from grader.judging.process import JudgeProcess
from grader.sandbox.deadlines import BACKSTOP, STOPPED_SECONDS
from grader.sandbox.process_state import process_state

START_SECONDS = 180.0  # until the first sign of life: a cold import from a slow disk
SILENT_SECONDS = 60.0
_TOTAL_SECONDS = 7200.0  # of processor time; student code has shorter limits of its own
_PERIOD = 1.0
# The clock goes on while this process itself is stopped, which must not count as the judge's silence.
_LONGEST_PERIOD = 2.0


class Supervisor(Closing):
    """Watches one judge from a thread until it is closed.

    Attributes:
        reason: why it killed the judge, as a clause; None if it did not.
    """

    def __init__(self, process: JudgeProcess) -> None:
        self.reason: str | None = None
        self._process = process
        self._silent, self._stopped, self._total, self._processor = 0.0, 0.0, 0.0, 0.0
        self._allowed = START_SECONDS
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def heard(self) -> None:
        """Note a sign of life."""
        self._silent, self._allowed = 0.0, SILENT_SECONDS

    def used(self, processor_seconds: float) -> None:
        """Note the processor time that the judge has used so far."""
        self._processor = processor_seconds

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._closed.wait(_PERIOD):
            now = time.monotonic()
            elapsed, before = min(now - before, _LONGEST_PERIOD), now
            self._silent += elapsed
            self._total += elapsed
            state = process_state(self._process.pid) if self._process.pid else None
            self._stopped = self._stopped + elapsed if state and state.is_stopped else 0.0
            if self._stopped >= STOPPED_SECONDS:
                self.reason = "the judge's process was stopped from outside"
            elif self._silent > self._allowed:
                self.reason = "the judge's process fell silent"
            elif self._processor > _TOTAL_SECONDS or self._total > BACKSTOP * _TOTAL_SECONDS:
                self.reason = "the judge's process did not come to an end"
            if self.reason:
                self._process.kill()
                return
