"""A person's entry in the gradebook, put together from all records that are merged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from grader.classroom.marks import Adjustment, FinalMark
from grader.classroom.people.directory import NAME, PERSON, Directory, Record
from grader.classroom.people.identity import Identifier, values_by_kind
from grader.classroom.people.students import Person
from grader.classroom.storage.results import ResultInputs
from grader.classroom.storage.stored_attempts import StoredAttempt
from grader.model import Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class GradebookEntry:
    """A student in the gradebook: the attempt that counts, its grade, and the final mark.

    Attributes:
        on_roster: whether the newest roster has the student; ``is_student`` is False for its staff and test
            students.
        label: name of the file that counts; None if nothing was handed in.
        attempts: how many there are; ``submitted`` are all that can count, oldest first, and ``counting`` is
            the one that does.
        handed_in: time given by the learning platform; None if it gives none.
        unread_time: the platform's text where it gives a time that could not be read, else "".
        is_late: whether the platform marks the attempt as late.
        group: keys of the other members of the hand-in that counts.
        result: id of the result, and ``inputs`` what it depends on; None until it is graded.
        adjustments: those not withdrawn, oldest first.
        matched_by: "name" if other records of the person are known to be the same by name alone, "person" if
            somebody merged them, else "identifier".
        by_name: identifiers of which only a name says that the hand-in, or an adjustment, is of their person.
        conflicts: a sentence for each contradiction about who the person is that nobody has settled.
    """

    person: Person
    on_roster: bool
    is_student: bool = True
    label: str | None
    attempts: int
    submitted: tuple[StoredAttempt, ...] = ()
    counting: StoredAttempt | None = None
    handed_in: datetime | None
    unread_time: str = ""
    is_late: bool
    group: tuple[str, ...] = ()
    result: int | None
    inputs: ResultInputs | None
    grade: Grade | None
    adjustments: tuple[Adjustment, ...]
    mark: FinalMark
    matched_by: str = "identifier"
    by_name: frozenset[Identifier] = frozenset()
    conflicts: tuple[str, ...] = ()

    @property
    def staff_notes(self) -> tuple[str, ...]:
        """Notes that only staff may read, each with its author and date."""
        notes = (each for each in self.adjustments if each.kind == "note")
        return tuple(f"{each.because} ({each.who}, {each.at[:10]})" for each in notes)


def person_of(records: Sequence[Record]) -> Person:
    """Return what merged records, oldest first, say of their person; the name is the newest roster's."""
    first_listed = sorted(records, key=lambda record: (not record.listed_as, not record.on_roster, record.id))
    name = first_listed[0].name
    identifiers = tuple(identifier for record in first_listed for identifier in record.identifiers)
    section = next((record.section for record in first_listed if record.section), "")
    ids = values_by_kind(identifiers) | ({"section": section} if section else {})
    names = (name for record in records for name in (record.key, record.name, *sorted(record.names)))
    return Person(
        key=records[0].key,
        name=name,
        ids=ids,
        identifiers=identifiers,
        section=section,
        record=records[0].id,
        aliases=tuple(dict.fromkeys(names)),
    )


def is_student(records: Sequence[Record]) -> bool:
    """Return False for staff and test students, by the newest roster that has the person."""
    listed = [record for record in records if record.on_roster] or records
    return any(record.is_student for record in listed)


def matched_by(directory: Directory, record: int, adjusted: Collection[int]) -> str:
    """Return how the records of a person are known to be one; see ``GradebookEntry``.

    Args:
        record: the one that handed in what counts.
        adjusted: those with adjustments.
    """
    strong = set(directory.strongly(record))
    if not strong.issuperset(adjusted):
        return NAME
    others = [each for each in directory.cluster(record) if each.id not in strong]
    if any(each.identifiers or each.on_roster for each in others):
        return NAME
    return PERSON if directory.is_merged_by_hand(strong) else "identifier"


def identifiers_by_name(
    directory: Directory, record: int, adjusted: Collection[int]
) -> frozenset[Identifier]:
    """Return the identifiers that only a name links with a part of the mark; see ``matched_by``."""
    strong = set(directory.strongly(record))
    is_mixed = not strong.issuperset(adjusted)  # an adjustment and the hand-in belong together by name alone
    others = (each for each in directory.cluster(record) if is_mixed or each.id not in strong)
    return frozenset(identifier for each in others for identifier in each.identifiers)
