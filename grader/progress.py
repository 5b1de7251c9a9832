"""Shows on standard error how far a grade is: a live line in a terminal, plain lines where asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grader.checkrun import Event


@contextmanager
def progress(name: str, *, quiet: bool, verbose: bool) -> Iterator[Callable[[Event], None]]:
    """Gives the function that is told of every step."""
    if quiet:
        yield lambda event: None
    elif verbose or not sys.stderr.isatty():
        yield _Lines(name, every_step=verbose)
    else:
        with _live(name) as tell:
            yield tell


class _Lines:
    """One line a step; without ``every_step`` only that a long one has begun."""

    def __init__(self, name: str, *, every_step: bool) -> None:
        self._name, self._every_step, self._last = name, every_step, ""

    def __call__(self, event: Event) -> None:
        line = event.get("check") or event["progress"]
        if line != self._last and (self._every_step or "progress" in event):
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)
        self._last = line


@contextmanager
def _live(name: str) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[name]}"),
        BarColumn(24),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", name=name, total=None)

        def tell(event: Event) -> None:
            if "check" in event:
                bar.update(task, description=str(event["check"]), total=None)
            else:
                text = f"{event['progress']} {event['done']} of {event['total']}"
                bar.update(task, description=text, completed=event["done"], total=event["total"])

        yield tell
