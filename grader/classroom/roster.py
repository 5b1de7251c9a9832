"""Read a class roster (any CSV file, a Canvas gradebook, a Moodle worksheet) and match attempts to it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from grader.classroom.students import Attempt, Person, normalize_name, unique_names
from grader.errors import UsageError

_COLUMNS = {  # accepted headers; the first one present is used
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
    """A student with all attempts, oldest first; none if the student is only on the roster."""

    person: Person
    attempts: tuple[Attempt, ...]


def read_roster(path: Path) -> list[Person]:
    """Return the people in a CSV file with a header, in the file's order.

    Raises:
        UsageError: the file cannot be read, or has no column for names, logins or e-mail addresses.
    """
    with csv_errors(path):
        rows = list(csv.DictReader(io.StringIO(text := read_text(path)), delimiter=delimiter(text)))
    header = {str(column).strip().casefold(): column for column in (rows[0] if rows else {})}
    columns = {
        kind: header[alias]
        for kind, aliases in _COLUMNS.items()
        for alias in reversed(aliases)  # a later item replaces an earlier one
        if alias in header
    }
    if not {"name", "last", "login", "email"} & set(columns):
        raise UsageError(f"{path} is not a roster: its header needs a column named name, login or email")
    people = [_person({kind: str(row[column] or "") for kind, column in columns.items()}) for row in rows]
    people = [person for person in people if person.name]
    return [
        replace(person, key=key)
        for person, key in zip(people, unique_names(_preferred_key(each) for each in people), strict=True)
    ]


def read_text(path: Path) -> str:
    """Return the text of a CSV file in any encoding that spreadsheets save: UTF-8, UTF-16 or Latin-1.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # byte-order marks of UTF-16
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # never fails: every byte is a character


@contextmanager
def csv_errors(path: Path) -> Iterator[None]:
    """Raise UsageError where the csv module finds that the file at ``path`` holds no table."""
    try:
        yield
    except csv.Error as error:
        raise UsageError(f"{path} cannot be read as a CSV file ({error})") from error


def delimiter(text: str) -> str:
    """Return the delimiter of a CSV text: the most frequent candidate in its first line."""
    return max(",;\t", key=text.partition("\n")[0].count)


def match(attempts: Iterable[Attempt], people: Sequence[Person]) -> list[StudentAttempts]:
    """Group attempts by student: the roster in its order, then students who are not on it."""
    index = _RosterIndex(people)
    on_roster: dict[str, list[Attempt]] = {person.key: [] for person in people}
    unknown: dict[tuple[str, tuple[str, ...]], list[Attempt]] = {}
    for attempt in attempts:
        if person := index.find(attempt):
            on_roster[person.key].append(attempt)
        else:
            unknown.setdefault((attempt.owner, tuple(sorted(attempt.ids.values()))), []).append(attempt)
    keys = unique_names([*on_roster, *_keys_of_unknown(unknown)])[len(on_roster) :]
    others = [
        StudentAttempts(person=Person(key=key, name=own[0].owner, ids=own[0].ids), attempts=_in_order(own))
        for key, own in zip(keys, unknown.values(), strict=True)
    ]
    known = [StudentAttempts(person=each, attempts=_in_order(on_roster[each.key])) for each in people]
    return known + others


def _in_order(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    def order(attempt: Attempt) -> tuple[int, float, str]:
        return attempt.number, attempt.handed_in.timestamp() if attempt.handed_in else 0.0, attempt.label

    return tuple(sorted(attempts, key=order))


def _keys_of_unknown(owners: Collection[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Return each owner's name, with an identifier if several share it.

    A number would depend on the order of the files, and a later run could give it to somebody else.
    """
    shared = Counter(normalize_name(name) for name, _ in owners)
    return [f"{name}-{ids[0]}" if shared[normalize_name(name)] > 1 and ids else name for name, ids in owners]


class _RosterIndex:
    """Index of the roster by identifier and by name.

    An identifier of the same kind decides. Without one, the attempt's owner is compared, as normalized by
    ``normalize_name``, with each person's name in every word order, login and SIS id. Only a name that
    exactly one person has is accepted: an attempt of either of two namesakes is left unmatched.
    """

    def __init__(self, people: Sequence[Person]) -> None:
        self._by_id = {(kind, normalize_id(value)): p for p in people for kind, value in p.ids.items()}
        self._by_name: dict[str, list[Person]] = {}
        for person in people:
            logins = {normalize_name(person.ids.get(kind, "")) for kind in ("login", "sis")}
            for name in name_orders(person.name) | logins:
                self._by_name.setdefault(name, []).append(person)

    def find(self, attempt: Attempt) -> Person | None:
        for kind, value in attempt.ids.items():
            if person := self._by_id.get((kind, normalize_id(value))):
                return person
        name = normalize_name(attempt.owner)
        namesakes = self._by_name.get(name, [])
        return namesakes[0] if len(namesakes) == 1 and name else None


def normalize_id(value: str) -> str:
    """Return an identifier without case and surrounding blanks, for comparison."""
    return value.strip().casefold()


def name_orders(name: str) -> set[str]:
    """Return the normalized name in each order that platforms write it in.

    "Ng, Zoë Ann" gives both orders around the comma; "Zoë Ann Ng" every rotation, since the number of given
    names is unknown.
    """
    if "," in name:
        last, _, first = name.partition(",")
        return {normalize_name(first + last), normalize_name(last + first)}
    words = name.split()
    return {normalize_name(" ".join(words[cut:] + words[:cut])) for cut in range(len(words))}


def _person(row: Mapping[str, str]) -> Person:
    values = {kind: value.strip() for kind, value in row.items()}
    full = " ".join(filter(None, (values.get("first"), values.get("last"))))
    name = values.get("name") or full or values.get("login") or values.get("email") or ""
    ids = {kind: values[kind] for kind in _IDS if values.get(kind)}
    if "moodle" in ids:
        ids["moodle"] = ids["moodle"].removeprefix("Participant").strip()
    if name.casefold().startswith("points possible"):  # the second line of a Canvas gradebook
        name = ""
    return Person(key="", name=name, ids=ids, handed_in=_parse_time(values.get("handed in", "")))


def _preferred_key(person: Person) -> str:
    return person.ids.get("login") or person.name


def _parse_time(text: str) -> datetime | None:
    """Parse ISO 8601 or Moodle's English format; a time without a zone is local."""
    for parse in (datetime.fromisoformat, lambda value: datetime.strptime(value, _MOODLE_TIME)):
        try:
            time = parse(text)
        except ValueError:
            continue
        return time.astimezone() if time.tzinfo is None else time
    return None
