"""Who takes the course: from a CSV file of the TA's, a Canvas gradebook or a Moodle worksheet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from grader.classroom.students import Attempt, Person, distinct, letters
from grader.errors import UsageError

_COLUMNS = {
    "name": ("name", "student", "full name", "student name"),
    "first": ("first name", "firstname", "first_name", "given name"),
    "last": ("last name", "lastname", "last_name", "surname", "family name"),
    "email": ("email", "e-mail", "email address", "mail"),
    "login": ("login", "username", "user name", "sis login id", "github", "github_username", "student_id"),
    "sis": ("id number", "sis user id", "student id", "sid", "matriculation number"),
    "canvas": ("id", "canvas id", "canvas user id"),
    "moodle": ("identifier", "participant"),
    "section": ("section", "group"),
    "handed in": ("last modified (submission)", "submitted", "handed in"),
}
_IDS = ("email", "login", "sis", "canvas", "moodle", "section")
_MOODLE_TIME = "%A, %d %B %Y, %I:%M %p"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentAttempts:
    """One student with all attempts, the first first; none for who is on the roster only."""

    person: Person
    attempts: tuple[Attempt, ...]


def read_roster(path: Path) -> list[Person]:
    """The people in a CSV file with a header, in its order.

    Raises:
        UsageError: it cannot be read, or has no column for names, logins or e-mail addresses.
    """
    rows = list(csv.DictReader(io.StringIO(text := read_text(path)), delimiter=delimiter(text)))
    header = {str(column).strip().casefold(): column for column in (rows[0] if rows else {})}
    columns = {
        kind: header[a] for kind, aliases in _COLUMNS.items() for a in reversed(aliases) if a in header
    }
    if not {"name", "last", "login", "email"} & set(columns):
        raise UsageError(
            f"{path} is no roster: its first line must name columns, one of them name, login or email"
        )
    people = [_person({kind: str(row[column] or "") for kind, column in columns.items()}) for row in rows]
    people = [person for person in people if person.name]
    return [
        replace(person, key=key)
        for person, key in zip(people, distinct(_own_key(person) for person in people), strict=True)
    ]


def read_text(path: Path) -> str:
    """A CSV file's text, however a spreadsheet saved it.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def delimiter(text: str) -> str:
    """What separates the columns of a CSV file: what its first line has most of."""
    return max(",;\t", key=text.partition("\n")[0].count)


def match(attempts: Iterable[Attempt], people: Sequence[Person]) -> list[StudentAttempts]:
    """Everybody, with what each handed in: the roster in its order, then those whom it does not know."""
    index = _Index(people)
    of: dict[str, list[Attempt]] = {person.key: [] for person in people}
    strangers: dict[tuple[str, tuple[str, ...]], list[Attempt]] = {}
    for attempt in attempts:
        if person := index.find(attempt):
            of[person.key].append(attempt)
        else:
            strangers.setdefault((attempt.who, tuple(sorted(attempt.ids.values()))), []).append(attempt)
    keys = distinct([*of, *_stranger_keys(strangers)])[len(of) :]
    unknown = [
        StudentAttempts(person=Person(key=key, name=own[0].who, ids=own[0].ids), attempts=_in_order(own))
        for key, own in zip(keys, strangers.values(), strict=True)
    ]
    return [StudentAttempts(person=person, attempts=_in_order(of[person.key])) for person in people] + unknown


def _in_order(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    def order(attempt: Attempt) -> tuple[int, float, str]:
        return attempt.number, attempt.handed_in.timestamp() if attempt.handed_in else 0.0, attempt.label

    return tuple(sorted(attempts, key=order))


def _stranger_keys(strangers: Collection[tuple[str, tuple[str, ...]]]) -> list[str]:
    """The names; with an id where several have that name, so that tomorrow's run names them alike."""
    namesakes = Counter(letters(name) for name, _ in strangers)
    return [f"{name}-{ids[0]}" if namesakes[letters(name)] > 1 and ids else name for name, ids in strangers]


class _Index:
    """Finds whose an attempt is: by id where there is one, else by a name that only one person has."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._by_id = {(kind, letters_of_id(value)): p for p in people for kind, value in p.ids.items()}
        self._by_word: dict[str, list[Person]] = {}
        for person in people:
            for word in {
                *spellings(person.name),
                *(letters(person.ids.get(k, "")) for k in ("login", "sis")),
            }:
                self._by_word.setdefault(word, []).append(person)

    def find(self, attempt: Attempt) -> Person | None:
        for kind, value in attempt.ids.items():
            if person := self._by_id.get((kind, letters_of_id(value))):
                return person
        words = self._by_word.get(letters(attempt.who), [])
        return words[0] if len(words) == 1 and letters(attempt.who) else None


def letters_of_id(value: str) -> str:
    """An id as it is compared: without case and surrounding blanks."""
    return value.strip().casefold()


def spellings(name: str) -> set[str]:
    """A name's letters in the orders that platforms write it in."""
    if "," in name:
        last, _, first = name.partition(",")
        return {letters(first + last), letters(last + first)}
    words = name.split()
    return {letters(" ".join(words[cut:] + words[:cut])) for cut in range(len(words))}


def _person(row: Mapping[str, str]) -> Person:
    values = {kind: value.strip() for kind, value in row.items()}
    full = " ".join(filter(None, (values.get("first"), values.get("last"))))
    name = values.get("name") or full or values.get("login") or values.get("email") or ""
    ids = {kind: values[kind] for kind in _IDS if values.get(kind)}
    if "moodle" in ids:
        ids["moodle"] = ids["moodle"].removeprefix("Participant").strip()
    if name.casefold().startswith("points possible"):  # the second line of a Canvas gradebook
        name = ""
    return Person(key="", name=name, ids=ids, handed_in=_moment(values.get("handed in", "")))


def _own_key(person: Person) -> str:
    return person.ids.get("login") or person.name


def _moment(text: str) -> datetime | None:
    for reading in (datetime.fromisoformat, lambda t: datetime.strptime(t, _MOODLE_TIME)):
        try:
            moment = reading(text)
        except ValueError:
            continue
        return moment.astimezone() if moment.tzinfo is None else moment
    return None
