"""Work that a rubric begins before a check asks for it, in a thread beside the other checks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class BackgroundTask(Generic[Result]):
    """One piece of work, under way from now on.

    Args:
        work: what it is; it shares nothing with other checks that either of them changes.
        stop: makes ``work`` come to its end soon, when nobody wants its result any more.
    """

    def __init__(self, work: Callable[[], Result], stop: Callable[[], None]) -> None:
        self._stop = stop
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """What came of it; waits until it is done, and raises what it raised."""
        return self._future.result()

    def close(self) -> None:
        """Let it come to its end, whatever that is."""
        if not self._future.done():
            self._stop()
        self._thread.join(10.0)

    def _run(self, work: Callable[[], Result]) -> None:
        try:
            self._future.set_result(work())
        except BaseException as error:  # of whatever kind, it is for whoever asks for the result
            self._future.set_exception(error)
