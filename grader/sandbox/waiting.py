"""Wait for another process of the grader, as long as it can run.

A process that imports PyTorch from a slow disk, or shares a busy machine, may take minutes, and nobody can
tell how many. One that was stopped from outside does not answer at all. So the wait ends early for a process
that has ended or is stopped, and for no other.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from grader.sandbox.deadlines import STOPPED_SECONDS
from grader.sandbox.process_state import process_state

_PERIOD = 0.5
# The clock goes on while this process itself is stopped, or gets no processor, which must not count.
_LONGEST_PERIOD = 1.0

Tell = Callable[[str], None]
"""Told why the wait goes on, as a clause."""


class Unanswered(OSError):
    """No answer came; the message is a clause that says why."""


def wait_until_readable(
    descriptor: int, pids: Callable[[], tuple[int, ...]], seconds: float, tell: Tell = lambda why: None
) -> None:
    """Wait until there is something to read.

    Args:
        pids: returns the processes that the answer depends on, as far as they are known.
        seconds: the most to wait for processes that can run.
        tell: told at every look that a process is stopped.

    Raises:
        Unanswered: one of the processes was stopped, or the time is over.
    """
    waited, stopped, before = 0.0, 0.0, time.monotonic()
    ready = select.poll()
    ready.register(descriptor, select.POLLIN)
    while not ready.poll(1000 * _PERIOD):
        now = time.monotonic()
        elapsed, before = min(now - before, _LONGEST_PERIOD), now
        waited += elapsed
        is_stopped = any(state.is_stopped for pid in pids() if (state := process_state(pid)))
        stopped = stopped + elapsed if is_stopped else 0.0
        if is_stopped:
            tell(
                f"waiting for a process that was stopped from outside, {STOPPED_SECONDS:.0f} seconds at most"
            )
        if stopped >= STOPPED_SECONDS:
            raise Unanswered("a process of the grader was stopped from outside")
        if waited >= seconds:
            raise Unanswered(f"a process of the grader did not answer within {seconds:.0f} seconds")
