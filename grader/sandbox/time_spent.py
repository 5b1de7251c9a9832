"""Time that a submission's workers have used."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class TimeSpent:
    """Time used by all workers of one submission; may be updated from any thread.

    Attributes:
        seconds: wall-clock time spent waiting for the student's code.
        cpu_seconds: processor time of the workers that have ended.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float = 0.0, cpu_seconds: float = 0.0) -> None:
        """Add to the totals."""
        with self._lock:
            self.seconds += seconds
            self.cpu_seconds += cpu_seconds
