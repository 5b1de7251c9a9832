"""Shows on standard error how far a grade is: a live line in a terminal, plain lines where asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grader.options import ProgressEvent


@contextmanager
def progress(name: str, *, quiet: bool, verbose: bool) -> Iterator[Callable[[ProgressEvent], None]]:
    """Gives the function that is told of every step."""
    if quiet:
        yield lambda event: None
    elif verbose or not sys.stderr.isatty():
        yield _Lines(name, every_step=verbose)
    else:
        with _live(name) as tell:
            yield tell


class _Lines:
    """One line a step, said once; without ``every_step`` only that a long one has begun."""

    def __init__(self, name: str, *, every_step: bool) -> None:
        self._name, self._every_step, self._said = name, every_step, set[str]()

    def __call__(self, event: ProgressEvent) -> None:
        line = str(event.get("check") or event["progress"])
        if line not in self._said and (self._every_step or "progress" in event):
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)
        self._said.add(line)


@contextmanager
def _live(name: str) -> Iterator[Callable[[ProgressEvent], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[name]}"),
        BarColumn(24),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        checks = bar.add_task("starting", name=name, total=None)
        long = {}  # a training goes on beside the checks, so each has a line

        def tell(event: ProgressEvent) -> None:
            if "check" in event:
                bar.update(checks, description=str(event["check"]))
                return
            what = str(event["progress"])
            if what not in long:
                long[what] = bar.add_task(what, name=" " * len(name), total=None)
            text = f"{what} {event['done']} of {event['total']}"
            bar.update(long[what], description=text, completed=event["done"], total=event["total"])

        yield tell
