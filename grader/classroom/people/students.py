"""Attempts as they are found in the submissions, people as the gradebook keeps them, and their names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grader.classroom.people.identity import Claim, Identifier, values_by_kind
from grader.text import INVISIBLE_LETTERS

MAX_NAME_BYTES = 80  # of a report's name; file systems allow 255, suffixes included
_RESERVED = {"index", "gradebook", "similar", "student", "con", "nul", "prn", "aux"}  # ours, and Windows's


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One submitted notebook.

    Attributes:
        members: whose it is: one student, or each member of a group.
        path: location of the notebook.
        label: name of the file as staff know it, with the folders it was submitted in.
        number: position among the student's attempts if the names give one, else 0.
        handed_in: time given by the learning platform. A file's own time is never used, since points may
            depend on it.
        unread_time: the platform's text where it gives a time that could not be read, else "".
        is_late: whether the platform marks the attempt as late.
        group: name of the group that handed it in; "" for one student's own work.
    """

    members: tuple[Claim, ...]
    path: Path
    label: str
    number: int = 0
    handed_in: datetime | None = None
    unread_time: str = ""
    is_late: bool = False
    group: str = ""

    @property
    def owner(self) -> str:
        """Name of the first member."""
        return self.members[0].name

    @property
    def ids(self) -> Mapping[str, str]:
        """Identifiers of the first member, by kind."""
        return values_by_kind(self.members[0].identifiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A student, with everything that all merged records know.

    Attributes:
        key: name of the student's reports and of the student in commands; a safe file name.
        ids: the first identifier of each kind, and "section".
        record: id of the oldest record.
        aliases: keys and names of all records, by which commands find the student as well.
    """

    key: str
    name: str
    ids: Mapping[str, str] = field(default_factory=dict)
    identifiers: tuple[Identifier, ...] = ()
    section: str = ""
    record: int = 0
    aliases: tuple[str, ...] = ()


def replace_surrogates(text: str) -> str:
    """Return ``text`` with "?" for what UTF-8 cannot encode.

    Python reads undecodable bytes of a file name as lone surrogates, and JSON escapes in a notebook can
    hold them too. Neither SQLite nor a UTF-8 file accepts them.
    """
    return text.encode("utf-8", "replace").decode()


def safe_name(text: str) -> str:
    """Return a readable file name for ``text`` that is valid on every system; letters of any script stay."""
    composed = unicodedata.normalize("NFC", text)
    name = re.sub(rf"(?:[^\w.@+-]|[{INVISIBLE_LETTERS}])+", "-", composed).strip("-._") or "unnamed"
    while len(name.encode()) > MAX_NAME_BYTES:  # by whole characters, since a character has up to four bytes
        name = name[:-1]
    stem = name.partition(".")[0].casefold()
    return f"{name}-1" if stem in _RESERVED or re.fullmatch(r"(com|lpt)\d", stem) else name


def normalize_name(text: str) -> str:
    """Return only the letters and digits, without case and accents, for comparing names.

    NFKD decomposes "é" into "e" and a combining accent, which is not alphanumeric and is dropped.
    """
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if character.isalnum()).casefold()


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
