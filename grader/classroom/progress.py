"""Progress of a batch on standard error: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from grader.options import ProgressEvent

_INTERVAL = 30.0  # seconds between plain lines


class ProgressDisplay:
    """Counts results and shows nothing: the display for ``--quiet``, and the base class of the others.

    Tasks run on threads of their own and report from there, so a lock guards all state.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done, self.provisional = total, 0, 0
        self._started = time.monotonic()
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()

    def on_start(self, name: str) -> None:
        """Note that a task has started."""
        with self._lock:
            self._running[name] = "starting"

    def on_event(self, name: str, event: ProgressEvent) -> None:
        """Note a progress event of a running task."""
        with self._lock:
            self._running[name] = _description(event)

    def on_finish(self, name: str) -> None:
        """Note that a task has ended, with or without a result."""
        with self._lock:
            self._running.pop(name, None)

    def on_result(self, *, provisional: bool) -> None:
        """Count a result that is in the gradebook, and refresh the display."""
        with self._lock:
            self.done, self.provisional = self.done + 1, self.provisional + provisional
        self.refresh()

    def refresh(self) -> None:
        """Show the current state."""

    def on_interrupt(self, running: int) -> None:
        """Report the first Ctrl-C, while ``running`` tasks are still under way."""
        if running:
            message = f"finishing the {running} running; press Ctrl-C again to stop at once"
        else:
            message = "stopping"
        print(f"grade: {message}", file=sys.stderr, flush=True)

    def summary(self) -> str:
        """Return the state of the batch in one line: done, provisional, running, rate, time left."""
        seconds = time.monotonic() - self._started
        with self._lock:
            running = len(self._running)
            text = f"{self.done} of {self.total} done, {self.provisional} provisional, {running} running"
            if not self.done:
                return text
            left = timedelta(seconds=round(seconds / self.done * (self.total - self.done)))
            return f"{text}, {60 * self.done / seconds:.1f} per minute, {left} left"

    def running(self) -> list[str]:
        """Return a line for each running task, with its latest step."""
        with self._lock:
            return [f"{name}: {step}" for name, step in self._running.items()]


class _LineDisplay(ProgressDisplay):
    """Prints a line every 30 seconds, and one at the end."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._printed = 0.0  # time.monotonic() of the last line

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._printed > _INTERVAL or self.done == self.total:
            self._printed = now
            print(self.summary(), file=sys.stderr, flush=True)


@contextmanager
def progress_display(total: int, *, quiet: bool) -> Iterator[ProgressDisplay]:
    """Show the progress of ``total`` tasks while the block runs."""
    if quiet or not total:
        yield ProgressDisplay(total)
    elif not sys.stderr.isatty():
        yield _LineDisplay(total)
    else:
        with _live_display(total) as display:
            yield display


@contextmanager
def _live_display(total: int) -> Iterator[ProgressDisplay]:
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    display = ProgressDisplay(total)

    def render() -> Table:
        lines = Table.grid()
        lines.add_row(ProgressBar(total=total, completed=display.done, width=60))
        lines.add_row(Text(display.summary()))
        for line in display.running():
            lines.add_row(Text(f"  {line}", style="dim", overflow="ellipsis", no_wrap=True))
        return lines

    # Rich can print the results above the display, but must leave them alone where they go to a file.
    console, to_terminal = Console(stderr=True), sys.stdout.isatty()
    with Live(
        console=console,
        get_renderable=render,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=to_terminal,
    ):
        yield display


def _description(event: ProgressEvent) -> str:
    return str(event.get("check") or f"{event.get('progress')} {event.get('done')}/{event.get('total')}")
