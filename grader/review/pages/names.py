"""What a student is called on the pages: by name, or by a number while names are hidden."""

from __future__ import annotations

from collections.abc import Callable

from grader.classroom.storage.entries import GradebookEntry
from grader.review.app import Call
from grader.review.index import digest
from grader.text import line


def naming(call: Call) -> Callable[[GradebookEntry], str]:
    """Return the function that names students for this TA."""
    if call.book.preference(call.ta.name, "hide names"):
        return lambda entry: (
            f"Student {int(digest('hidden', call.ta.name, entry.person.record), 16) % 10_000:04d}"
        )
    return lambda entry: line(entry.person.name)
