"""The lines that a class prints: one for each student, and at last who is missing and who needs a look."""

from __future__ import annotations

import json

from grader.classroom.pages.classpage import new_attention
from grader.classroom.pages.reports import mark_text
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry
from grader.text import clean, listed


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


def print_lists(book: Gradebook) -> None:
    """Print who handed in nothing and whom staff should look at, by what is the matter."""
    attention, missing = new_attention(book), list[str]()
    for entry in book.entries():
        attention.add(entry)
        if entry.label is None and entry.is_student:
            missing.append(entry.person.key)
    lists = {"Nothing handed in": missing}
    for each in attention.lists():
        lists[each.title] = list(dict.fromkeys(key for item in each.items for key, _ in item.people))
    for title, keys in lists.items():
        if keys:
            print(f"{title} ({len(keys)}): {clean(listed(keys))}")
