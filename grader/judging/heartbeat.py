"""pytest plugin that shows the judge's caller once a second that the judge is running.

A judge that is stopped, or whose machine fails, falls silent; see ``grader.judging.supervision``.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from grader.checks.session import emit

_SECONDS = 1.0


def pytest_configure() -> None:
    """Send heartbeats from now on."""
    threading.Thread(target=_beat, daemon=True).start()


def _beat() -> None:
    with suppress(OSError, ValueError):  # standard output is closed: the judge or its caller is ending
        while True:
            emit({"processor": round(time.process_time(), 3)})
            time.sleep(_SECONDS)
