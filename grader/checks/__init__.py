"""The building blocks of a rubric's checks.

A check is a function ``check_*`` marked with the criterion that it decides. Its docstring is the sentence
that a student reads when the check passes. Its prerequisites are pytest fixtures: an expectation that is not
met while a fixture is built BLOCKS the check, one that is not met in the check itself FAILS it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from grader.checks.measured import as_data

Check = TypeVar("Check", bound=Callable[..., object])


def criterion(id: str) -> Callable[[Check], Check]:
    """Mark a check as deciding the rubric's criterion ``id``."""
    return pytest.mark.criterion(id)


class Unmet(Exception):
    """An expectation that the student's code does not meet.

    Args:
        message: the sentence for the student: what was found, and what that means.
        expected, actual: both in words or short numbers.
        misconception: id of the mistake, if the rubric knows it.
        credit: share of the points still earned, 0 to 1.
        reading: id of the formulation by which the code was judged.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: str | None = None,
        actual: str | None = None,
        misconception: str | None = None,
        credit: float = 0.0,
        reading: str | None = None,
    ) -> None:
        super().__init__(message)
        self.expected, self.actual = expected, actual
        self.misconception, self.credit, self.reading = misconception, credit, reading


class Blocked(Exception):
    """Not checked: something that the check depends on is missing or broken. The message says what."""


class NeedsReview(Exception):
    """This machine cannot decide the criterion: a TA has to. The message says why.

    Args:
        message: the sentence with the reason.
        doubts: ids of other criteria, or prefixes of such ("sample"), whose answers this one contradicts.
            Those that passed count nothing, either, until a TA has looked.
    """

    def __init__(self, message: str, *, doubts: Collection[str] = ()) -> None:
        super().__init__(message)
        self.doubts = frozenset(doubts)


class Skipped(Exception):
    """Left out because of an option such as ``--quick``: its points are neither earned nor lost."""


@dataclass(slots=True)
class Evidence:
    """The findings of a check, for the report; provided by the fixture ``evidence``.

    The texts are those of a check that passes. ``measured`` is kept whatever the verdict.
    """

    message: str | None = None  # replaces the docstring
    expected: str | None = None
    actual: str | None = None
    reading: str | None = None
    measured: dict[str, Any] = field(default_factory=dict)

    def measure(self, **values: Any) -> None:
        """Record what the check measured, for the criterion's field ``measured`` in the JSON result.

        Args:
            values: tensors, numbers, text, or lists and tables of them, by name (``grader.checks.measured``).
        """
        self.measured |= {name: as_data(value) for name, value in values.items()}


@dataclass(slots=True)
class Reporter:
    """Collects the output of checks besides verdicts: notes, conventions, figures, progress, times."""

    emit: Callable[[dict[str, Any]], None]
    notes: list[str] = field(default_factory=list)
    conventions: dict[str, str] = field(default_factory=dict)
    figures: list[Any] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def merge(self, other: Reporter) -> None:
        """Add everything that another reporter collected."""
        for sentence in other.notes:
            self.note(sentence)
        self.conventions |= other.conventions
        self.figures += other.figures
        for kind, seconds in other.seconds.items():
            self.add_seconds(kind, seconds)

    def note(self, sentence: str) -> None:
        """Add a sentence to the report, unless it is there already."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def convention(self, name: str, text: str) -> None:
        """Record how a definition is called or how it returns its result, where that had to be tried out."""
        self.conventions[name] = text

    def show(self, figure: Any) -> None:
        """Add a figure to the report (see ``grader.model``)."""
        self.figures.append(figure)

    def progress(self, task: str, done: int, total: int) -> None:
        """Send the progress of a long check to the terminal."""
        self.emit({"progress": task, "done": done, "total": total})

    def add_seconds(self, kind: str, seconds: float) -> None:
        """Add to the time recorded under ``kind``, such as "training"."""
        self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
