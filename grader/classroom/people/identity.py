"""Identifiers and claims: what a roster, a platform's export or a file name says about who somebody is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

KINDS = {  # of identifiers, with what a reader calls them
    "canvas": "Canvas id",
    "sis": "SIS id",
    "login": "login",
    "email": "e-mail address",
    "github": "GitHub login",
    "moodle": "Moodle participant number",
    "gradescope": "Gradescope submitter id",
    "student id": "student id",
}

GITHUB = "github.com"  # the scope of a GitHub login


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A name that one system gives to one person only.

    Attributes:
        kind: one of ``KINDS``. Values of different kinds are never compared: a student id is no login.
        value: as the system writes it; ``normalized`` is what is compared.
        scope: where the value is unique: "" for the institution, else a site, a course or an assignment.
    """

    kind: str
    value: str
    scope: str = ""

    @property
    def normalized(self) -> str:
        """The value without case and surrounding blanks, for comparison."""
        return self.value.strip().casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The owner that a roster row or a submitted file names.

    Attributes:
        name: a person's name, or what file and folder names give in its place.
        identifiers: those that a platform gives; what is merely a name of a file or a folder is none.
    """

    name: str
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterEntry:
    """A row of a roster.

    Attributes:
        claim: the person's name and identifiers.
        section: sections of the course, joined by commas.
        is_student: False for staff and for the test student that Canvas puts in every course.
        handed_in: time of the submission, if the table gives one.
        unread_time: the table's text where it gives a time that could not be read, else "".
    """

    claim: Claim
    section: str = ""
    is_student: bool = True
    handed_in: datetime | None = None
    unread_time: str = ""


def identifiers_from(values: Mapping[str, str]) -> tuple[Identifier, ...]:
    """Return the identifiers of an institution from values by kind; empty values are left out."""
    return tuple(Identifier(kind, value) for kind, value in values.items() if value.strip() and kind in KINDS)


def values_by_kind(identifiers: Iterable[Identifier]) -> dict[str, str]:
    """Return the first value of each kind."""
    values: dict[str, str] = {}
    for identifier in identifiers:
        values.setdefault(identifier.kind, identifier.value)
    return values
