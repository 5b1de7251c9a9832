"""Progress of a single grade on standard error: live in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from grader.options import ProgressEvent


@contextmanager
def progress(name: str, *, quiet: bool, verbose: bool) -> Iterator[Callable[[ProgressEvent], None]]:
    """Yield a callback that shows each progress event.

    Args:
        name: shown with every event.
        quiet: show nothing.
        verbose: show every check, on a line of its own.
    """
    if quiet:
        yield lambda event: None
    elif verbose or not sys.stderr.isatty():
        yield _Lines(name, every_step=verbose)
    else:
        with _live(name) as on_event:
            yield on_event


class _Lines:
    """Print each step once; unless ``every_step`` is set, only the long ones, when they begin."""

    def __init__(self, name: str, *, every_step: bool) -> None:
        self._name, self._every_step, self._printed = name, every_step, set[str]()

    def __call__(self, event: ProgressEvent) -> None:
        line = str(event.get("check") or event["progress"])
        if line not in self._printed and (self._every_step or "progress" in event):
            print(f"{self._name}: {line}", file=sys.stderr, flush=True)
        self._printed.add(line)


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
        rows = {}  # long steps such as a training run beside the checks, so each has a row

        def on_event(event: ProgressEvent) -> None:
            if "check" in event:
                bar.update(checks, description=str(event["check"]))
                return
            step = str(event["progress"])
            if step not in rows:
                rows[step] = bar.add_task(step, name=" " * len(name), total=None)
            text = f"{step} {event['done']} of {event['total']}"
            bar.update(rows[step], description=text, completed=event["done"], total=event["total"])

        yield on_event
