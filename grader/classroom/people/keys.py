"""Keys of new records: names of reports, which nobody else ever had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from grader.classroom.people.directory import ROSTER, Directory, Record
from grader.classroom.people.identity import values_by_kind
from grader.classroom.people.students import safe_name

_FOR_KEYS = ("login", "sis", "student id", "canvas", "moodle", "github", "gradescope", "email")


def give_keys(directory: Directory, new: Sequence[Record]) -> None:
    """Give keys to new records; of those that would share one, each gets an identifier in its key."""
    taken = {record.key.casefold() for record in directory.records.values()}
    wished = {record.id: safe_name(_wished_key(record)) for record in new}
    plain = Counter(wish.casefold() for wish in wished.values())
    for record in new:
        safe = wished[record.id]
        if safe.casefold() in taken or plain[safe.casefold()] > 1:
            values = values_by_kind(record.identifiers)
            best = next((values[kind] for kind in _FOR_KEYS if kind in values), "")
            safe = safe if safe_name(best) == safe or not best else safe_name(f"{safe}-{best}")
        candidate, number = safe, 2
        while candidate.casefold() in taken:
            candidate, number = f"{safe}-{number}", number + 1
        taken.add(candidate.casefold())
        record.key = candidate


def _wished_key(record: Record) -> str:
    values = values_by_kind(record.identifiers) if record.origin == ROSTER else {}
    return values.get("login") or values.get("github") or record.name
