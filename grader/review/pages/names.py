"""What a student is called on the pages: by name, or by a number while names are hidden."""

from __future__ import annotations

import re
from collections.abc import Callable

from grader.classroom.storage.entries import GradebookEntry
from grader.review.actions import STUDENT
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


def wording(call: Call) -> Callable[[str], str]:
    """Return the function that names the students in the sentence of an action for this TA."""
    name, entries = naming(call), call.book.index.entries

    def named(found: re.Match[str]) -> str:
        entry = entries.get(int(found[1]))
        return "a student who left the class" if entry is None else name(entry)

    return lambda sentence: STUDENT.sub(named, sentence)
