"""What a rubric's checks are written with.

A check is a function ``check_*`` that is marked with the criterion it speaks for. Its docstring is the
sentence that a student reads when it holds. What it needs, it takes as pytest fixtures: an expectation that
is unmet while a fixture is built BLOCKS the check, one that is unmet in the check itself FAILS it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

Check = TypeVar("Check", bound=Callable[..., object])


def criterion(id: str) -> Callable[[Check], Check]:
    """Mark a check as speaking for the criterion ``id`` of the rubric."""
    return pytest.mark.criterion(id)


class Unmet(Exception):
    """An expectation that the student's work does not meet.

    Args:
        message: the sentence for the student: what was found, and what that means.
        expected, actual: both in words or short numbers.
        misconception: id of the known mistake that this is.
        credit: share of the points that is earned all the same, 0 to 1.
        reading: id of the reading that it was judged by.
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
    """The question could not be asked: something that it is built on is missing. The message says what."""


class NeedsReview(Exception):
    """The question cannot be decided on this machine: a TA must look. The message says why."""


class Skipped(Exception):
    """The question was not asked, because of how the grader was called: points neither earned nor lost."""


@dataclass(slots=True)
class Evidence:
    """What a check found where the expectation was met, for the report. The fixture ``finding`` is one."""

    message: str | None = None  # instead of the docstring
    expected: str | None = None
    actual: str | None = None
    reading: str | None = None


@dataclass(slots=True)
class Reporter:
    """What the checks say besides their verdicts: notes, conventions, figures, progress, seconds."""

    say: Callable[[dict[str, Any]], None]
    notes: list[str] = field(default_factory=list)
    conventions: dict[str, str] = field(default_factory=dict)
    figures: list[Any] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def take_over(self, other: Reporter) -> None:
        """Add all that was said elsewhere."""
        for sentence in other.notes:
            self.note(sentence)
        self.conventions |= other.conventions
        self.figures += other.figures
        for kind, seconds in other.seconds.items():
            self.spend(kind, seconds)

    def note(self, sentence: str) -> None:
        """Put a sentence into the report, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def convention(self, about: str, words: str) -> None:
        """Record how a part of the student's wants to be called, or answers, as it was found by trying."""
        self.conventions[about] = words

    def show(self, figure: Any) -> None:
        """Put a figure into the report (see ``grader.model``)."""
        self.figures.append(figure)

    def progress(self, what: str, done: int, total: int) -> None:
        """Tell whoever waits how far a long check is."""
        self.say({"progress": what, "done": done, "total": total})

    def spend(self, kind: str, seconds: float) -> None:
        """Add to the time that the student's own arithmetic took."""
        self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
