"""The judge's end of the connection to one worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from grader.sandbox.watchdog import Watchdog


@dataclass(slots=True)
class WorkerConnection:
    """The two pipes to one worker.

    Attributes:
        requests: pipe to the worker.
        replies: pipe from the worker.
        kill: ends the worker; safe to call again, and from any thread.
        exit_code: waits a moment for the worker to end, and returns its exit code as ``subprocess`` gives it;
            None if it only closed its pipes. Raises WorkerStartError if that cannot be known.
        watchdog: enforces the worker's resource limits, where workers are forked.
        layers: sandbox layers that the worker reports.
    """

    requests: BinaryIO
    replies: BinaryIO
    kill: Callable[[], None]
    exit_code: Callable[[], int | None]
    watchdog: Watchdog | None = None
    layers: tuple[str, ...] = ()

    @property
    def limit_exceeded(self) -> str | None:
        """The limit for which the worker was killed, as a clause after "it", or None."""
        return self.watchdog.violation if self.watchdog else None

    @property
    def pid(self) -> int | None:
        """Process id of the worker; None where the system does not say how processes fare."""
        return self.watchdog.pid if self.watchdog else None

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the closed worker, in seconds; 0 without a watchdog."""
        if not self.watchdog:
            return 0.0
        self.watchdog.join(5.0)
        return self.watchdog.cpu_seconds

    def close(self) -> None:
        """Kill the worker and close the pipes; safe to call twice."""
        self.kill()
        for pipe in (self.requests, self.replies):
            pipe.close()
