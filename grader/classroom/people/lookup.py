"""Find the student that a TA refers to by key, name, e-mail address, identifier, or start of a name."""

from __future__ import annotations

from collections.abc import Iterable

from grader.classroom.people.students import Person, normalize_name
from grader.classroom.storage.gradebook import Gradebook
from grader.errors import UsageError
from grader.text import line, listed


def find_student(book: Gradebook, query: str) -> str:
    """Return the key of the one student that matches ``query``.

    An exact key wins, then an exact name or identifier, then the start of the key or of any part of the name.

    Raises:
        UsageError: no student matches, or several do.
    """
    people = book.people()
    directory = book.directory()
    for record in directory.records.values():
        root = directory.root(record.id)
        if record.key == query and root.removed is None:
            return root.key
    exact = [person for person in people if _equals(person, query)]
    start = normalize_name(query)
    matches = exact or [person for person in people if start and _starts_with(person, start)]
    if len(matches) == 1:
        return matches[0].key
    if matches:
        raise UsageError(f"{query!r} matches {_listed(matches)}; use the name before the parentheses")
    raise UsageError(f"the gradebook has no student {query!r}; `grade list` shows all")


def named_record(book: Gradebook, query: str) -> int | None:
    """Return the record that ``query`` names by its key or by one of its identifiers; None for a name."""
    records = book.directory().records.values()
    wanted = query.strip().casefold()
    found = [record.id for record in records if record.key == query] or [
        record.id for record in records if any(each.normalized == wanted for each in record.identifiers)
    ]
    return found[0] if len(found) == 1 else None


def find_record(book: Gradebook, query: str) -> int:
    """Return the record that ``query`` names by its key or an identifier, else the student's oldest.

    Raises:
        UsageError: no student matches, or several do.
    """
    directory = book.directory()
    named = named_record(book, query)
    if named is not None and directory.root(named).removed is None:
        return named
    key = find_student(book, query)
    return next(each.id for each in directory.records.values() if each.key == key)


def _equals(person: Person, query: str) -> bool:
    values = (identifier.value for identifier in person.identifiers)
    return any(query.casefold() == name.casefold() for name in (*person.aliases, *values))


def _starts_with(person: Person, start: str) -> bool:
    words = (word for name in person.aliases for word in name.split())
    return any(normalize_name(word).startswith(start) for word in words)


def _listed(people: Iterable[Person]) -> str:
    return listed([f"{person.key} ({line(person.name)})" for person in people])
