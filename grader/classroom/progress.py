"""Shows on standard error how far a batch is: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from grader.classroom.scheduler import steps
from grader.options import ProgressEvent

_EVERY = 30.0  # seconds between plain lines


class ProgressDisplay:
    """Counts, and tells nobody: the display of ``--quiet``, and the base of the others."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.failing = total, 0, 0
        self._started = time.monotonic()
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        """A task has begun."""
        with self._lock:
            self._running[name] = "starting"

    def step(self, name: str, event: ProgressEvent) -> None:
        """A task is under way."""
        with self._lock:
            self._running[name] = steps(event)

    def end(self, name: str) -> None:
        """A task is done, well or badly."""
        with self._lock:
            self._running.pop(name, None)

    def count(self, *, failing: bool) -> None:
        """A result is in the gradebook."""
        with self._lock:
            self.done, self.failing = self.done + 1, self.failing + failing
        self.refresh()

    def refresh(self) -> None:
        """Show the new state."""

    def stopping(self, running: int) -> None:
        """Ctrl-C was pressed once."""
        say = f"{running} running are finished first; Ctrl-C again to stop at once" if running else "stopping"
        print(f"grade: {say}", file=sys.stderr, flush=True)

    def state(self) -> str:
        """The batch in one line: done, failing, running, rate, time left."""
        seconds = time.monotonic() - self._started
        with self._lock:
            text = f"{self.done} of {self.total} done, {self.failing} failing, {len(self._running)} running"
            if not self.done:
                return text
            left = timedelta(seconds=round(seconds / self.done * (self.total - self.done)))
            return f"{text}, {60 * self.done / seconds:.1f} a minute, {left} left"

    def running(self) -> list[str]:
        """What is under way, and at which step."""
        with self._lock:
            return [f"{name}: {step}" for name, step in self._running.items()]


class _LineDisplay(ProgressDisplay):
    """A line now and then, and one at the end."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._said = 0.0

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._said > _EVERY or self.done == self.total:
            self._said = now
            print(self.state(), file=sys.stderr, flush=True)


@contextmanager
def watch(total: int, *, quiet: bool) -> Iterator[ProgressDisplay]:
    """The display of a batch of ``total`` tasks."""
    if quiet or not total:
        yield ProgressDisplay(total)
    elif not sys.stderr.isatty():
        yield _LineDisplay(total)
    else:
        with _live(total) as shown:
            yield shown


@contextmanager
def _live(total: int) -> Iterator[ProgressDisplay]:
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    shown = ProgressDisplay(total)

    def draw() -> Table:
        lines = Table.grid()
        lines.add_row(ProgressBar(total=total, completed=shown.done, width=60))
        lines.add_row(Text(shown.state()))
        for line in shown.running():
            lines.add_row(Text(f"  {line}", style="dim", overflow="ellipsis", no_wrap=True))
        return lines

    # Results that go to a file must stay out of the display's hands.
    console, to_terminal = Console(stderr=True), sys.stdout.isatty()
    with Live(
        console=console,
        get_renderable=draw,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=to_terminal,
    ):
        yield shown
