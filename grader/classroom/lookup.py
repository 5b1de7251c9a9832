"""Finds the student that a TA means: by key, name, e-mail address, any id, or the beginning of a name."""

from __future__ import annotations

from collections.abc import Iterable

from grader.classroom.gradebook import Gradebook
from grader.classroom.students import Person, letters
from grader.errors import UsageError
from grader.text import line


def find(book: Gradebook, words: str) -> str:
    """The key of the one student that ``words`` mean.

    Raises:
        UsageError: they mean nobody, or several.
    """
    people = book.people()
    if any(person.key == words for person in people):
        return words
    exact = [person for person in people if _is_called(person, words)]
    meant = exact or [person for person in people if letters(words) and _starts(person, letters(words))]
    if len(meant) == 1:
        return meant[0].key
    if meant:
        raise UsageError(
            f"{words!r} may be {_listed(meant)}; say which, by the first name given here for each"
        )
    raise UsageError(f"the gradebook has no student {words!r}; `grade list` shows all")


def _is_called(person: Person, words: str) -> bool:
    names = (person.key, person.name, *person.ids.values())
    return any(words.casefold() == name.casefold() for name in names)


def _starts(person: Person, beginning: str) -> bool:
    return any(letters(name).startswith(beginning) for name in (person.key, *person.name.split()))


def _listed(people: Iterable[Person]) -> str:
    shown = [f"{person.key} ({line(person.name)})" for person in people]
    return ", ".join(shown[:8]) + (f" or {len(shown) - 8} more" if len(shown) > 8 else "")
