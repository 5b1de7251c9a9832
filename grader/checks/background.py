"""Work that begins before a check needs its result, in a thread beside the other checks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from grader.closing import Closing

Result = TypeVar("Result")
_JOIN_SECONDS = 10.0


class BackgroundTask(Closing, Generic[Result]):
    """A function running in a thread from now on.

    Args:
        work: the function; it shares no mutable state with the checks that run meanwhile.
        stop: makes ``work`` return early, when its result is no longer needed.
    """

    def __init__(self, work: Callable[[], Result], stop: Callable[[], None]) -> None:
        self._stop = stop
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """Wait for the result and return it, or raise the exception that ``work`` raised."""
        return self._future.result()

    def close(self) -> None:
        """Stop the work unless it is done, and wait for the thread."""
        if not self._future.done():
            self._stop()
        self._thread.join(_JOIN_SECONDS)

    def _run(self, work: Callable[[], Result]) -> None:
        try:
            self._future.set_result(work())
        except (
            BaseException
        ) as error:  # even SystemExit belongs to the caller of ``result``, not to the thread
            self._future.set_exception(error)
