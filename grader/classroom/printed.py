"""The line that a class prints for each student."""

from __future__ import annotations

import json

from grader.classroom.pages.reports import mark_text
from grader.classroom.storage.gradebook import GradebookEntry
from grader.text import clean


def print_grade(entry: GradebookEntry, *, as_json: bool) -> None:
    """Print a graded student's mark, or as JSON the whole result."""
    if entry.grade is None:
        return
    if as_json:
        final = entry.mark.as_json()
        print(json.dumps({**entry.grade.as_json(), "student": entry.person.key, "final": final}))
        return
    provisional = f"  PROVISIONAL  {clean(entry.grade.review)}" if entry.grade.provisional else ""
    print(f"{entry.person.key:<32} {mark_text(entry):>11}{provisional}".rstrip(), flush=True)
