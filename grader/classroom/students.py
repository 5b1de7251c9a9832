"""Who handed in what: attempts as intake finds them, students as the gradebook keeps them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

LONGEST = 80  # bytes of a report's name; file systems allow 255 with the endings that are added
_RESERVED = {"index", "gradebook", "similar", "student", "con", "nul", "prn", "aux"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One notebook that somebody handed in.

    Attributes:
        who: the student's name or login, as file and folder names tell.
        ids: what else they tell of the student, by kind: canvas, moodle, login, email, sis.
        path: where the bytes are; label: what a person calls the file.
        number: counts a student's attempts where the names do, else 0.
        handed_in: when, as the learning platform says; a file's own time is not trusted with points.
        late: whether the platform marks it as late.
    """

    who: str
    path: Path
    label: str
    ids: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    handed_in: datetime | None = None
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A student, as the roster or the names of files tell.

    Attributes:
        key: what reports are called, and what the commands call the student; a safe file name.
        ids: by kind: canvas, moodle, login, email, sis, section.
    """

    key: str
    name: str
    ids: Mapping[str, str] = field(default_factory=dict)
    handed_in: datetime | None = None  # where the roster knows it


def encodable(text: str) -> str:
    """Text that UTF-8 can carry: file names and students' messages may hold what it cannot."""
    return text.encode("utf-8", "replace").decode()


def safe_name(text: str) -> str:
    """A file name that is safe everywhere and still reads as ``text``; letters of any script stay."""
    composed = unicodedata.normalize("NFC", text)
    plain = re.sub(r"[^\w.@+-]+", "-", composed).strip("-._") or "unnamed"
    while len(plain.encode()) > LONGEST:
        plain = plain[:-1]
    stem = plain.partition(".")[0].casefold()
    return f"{plain}-1" if stem in _RESERVED or re.fullmatch(r"(com|lpt)\d", stem) else plain


def distinct(names: Iterable[str]) -> list[str]:
    """The names, made safe; where two would meet on a disk that ignores case, the later one is numbered."""
    taken: set[str] = set()
    found = []
    for name in names:
        safe, number = safe_name(name), 2
        candidate = safe
        while candidate.casefold() in taken:
            candidate, number = f"{safe}-{number}", number + 1
        taken.add(candidate.casefold())
        found.append(candidate)
    return found


def letters(text: str) -> str:
    """Only the letters and digits, without case and accents: how names are compared."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(c for c in apart if c.isalnum()).casefold()
