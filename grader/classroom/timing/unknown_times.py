"""Submissions of which nobody knows when they were handed in, while a late rule is set."""

from __future__ import annotations

from collections.abc import Iterable

from grader.classroom.storage.gradebook import GradebookEntry
from grader.text import line, listed


def has_unknown_time(entry: GradebookEntry) -> bool:
    """Return whether no late rule applies to a submission: it has neither a time nor days set by hand."""
    settled = entry.mark.is_excused or any(each.kind == "days late" for each in entry.adjustments)
    return entry.label is not None and entry.handed_in is None and not settled


def sentences_on(entries: Iterable[GradebookEntry]) -> list[str]:
    """Return a sentence for each reason why the late rule was not applied to submissions."""
    unread, late, without, timed = list[str](), list[str](), list[str](), 0
    for entry in entries:
        key = entry.person.key
        if not has_unknown_time(entry):
            timed += entry.handed_in is not None
        elif entry.unread_time:
            unread.append(f"{key} (“{line(entry.unread_time)}”)")
        elif entry.is_late:
            late.append(key)
        else:
            without.append(key)
    sentences = []
    if unread:
        sentences.append(f"no late penalty where the time of submission cannot be read: {listed(unread)}")
    if late:
        sentences.append(f"marked as late by the platform, which gives no time: {listed(late)}")
    if without and timed:
        sentences.append(f"no late penalty where no time of submission is given: {listed(without)}")
    if without and not timed:
        sentences.append("no submission has a time, so the due date changes no mark")
    return sentences
