"""Enter the people of a run into the gradebook, and say what has changed about who is who."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.classroom.people.claims import place, take_roster
from grader.classroom.people.directory import IDENTIFIER, NAME, SUBMISSION, Directory, Link
from grader.classroom.people.identity import Claim, RosterEntry
from grader.classroom.people.records import LinkChanges
from grader.classroom.people.students import Attempt
from grader.classroom.people.teams import is_team, with_team_members
from grader.classroom.storage.gradebook import Gradebook
from grader.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentAttempts:
    """A person's attempts in one run, oldest first, each with the record that it was handed in under."""

    key: str
    attempts: tuple[tuple[int, Attempt], ...]

    def by_record(self) -> dict[int, list[Attempt]]:
        """Return the attempts of each record."""
        found: dict[int, list[Attempt]] = defaultdict(list)
        for record, attempt in self.attempts:
            found[record].append(attempt)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The people of a run.

    Attributes:
        students: those with attempts.
        notes: a sentence for each change about who is who.
        conflicts: a sentence for each contradiction that a person has to settle.
    """

    students: tuple[StudentAttempts, ...]
    notes: tuple[str, ...]
    conflicts: tuple[str, ...]


def enrol(
    book: Gradebook,
    roster: Sequence[RosterEntry] | None,
    attempts: Sequence[Attempt],
    known: Mapping[Claim, int] | None = None,
) -> Enrolment:
    """Find or make the record of everybody on the roster and of every member of an attempt.

    Args:
        roster: the rows of a new roster; None if the one before still counts.
        known: records of claims whose person was named by hand.
    """
    with book.transaction():
        with book.editing() as directory:
            if roster is not None:
                take_roster(directory, roster)
            resolved, unknown_teams = with_team_members(directory, attempts)
            homes = dict(known or {})
            claims = list(dict.fromkeys(m for each in resolved for m in each.members if m not in homes))
            homes |= zip(claims, place(directory, claims, SUBMISSION), strict=True)
        for before, after in zip(attempts, resolved, strict=True):
            if is_team(before) and before != after:
                _dissolve(book, directory, before.group, [homes[member] for member in after.members])
    own: dict[int, list[tuple[int, Attempt]]] = defaultdict(list)
    for attempt in resolved:
        for record in dict.fromkeys(homes[member] for member in attempt.members):
            own[directory.clusters.root(record)].append((record, attempt))
    students, notes = [], [*_sentences(directory, book.changes), *unknown_teams]
    for root, handed_in in own.items():
        person = directory.records[root]
        if person.removed is not None:
            notes.append(
                f"{line(person.name)} ({person.key}) was removed from the class ({person.removed}), so "
                f"{handed_in[-1][1].label} was left out; `grade people undo` brings the student back"
            )
        else:
            unique = {attempt.label: (home, attempt) for home, attempt in reversed(handed_in)}
            students.append(
                StudentAttempts(key=person.key, attempts=tuple(sorted(unique.values(), key=_order)))
            )
    students.sort(key=lambda student: student.key)
    conflicts = tuple(conflict.sentence for conflict in directory.open_conflicts())
    return Enrolment(students=tuple(students), notes=tuple(notes), conflicts=conflicts)


def _dissolve(book: Gradebook, directory: Directory, team: str, members: Sequence[int]) -> None:
    """Give the members of a team what an earlier run, which did not know them, kept under the team's name."""
    because = f"the members of {line(team)} are known now"
    for record in directory.records.values():
        is_teams = record.origin == SUBMISSION and not record.identifiers and record.names == {team}
        if is_teams and any(each.group == team for each in book.attempts([record.id]).get(record.id, ())):
            book.pass_to_members(record.id, members, because)


def _order(handed_in: tuple[int, Attempt]) -> tuple[int, float, str]:
    attempt = handed_in[1]
    return attempt.number, attempt.handed_in.timestamp() if attempt.handed_in else 0.0, attempt.label


def _sentences(directory: Directory, changes: LinkChanges) -> list[str]:
    """Describe which records were merged, and which matches by name have ended."""
    merges = set(directory.merges)
    began = [link for _, link in changes.began if link in merges]
    sentences = [
        f"{_names(directory, link)} are one person, since identifiers of both were given together; "
        f"`grade people split {directory.records[link.second].key}` undoes that"
        for link in began
        if link.reason == IDENTIFIER
    ]
    sentences += [
        f"{_names(directory, link)} are no longer matched by name, since others have that name too"
        for _, link in changes.ended
        if link.reason == NAME and directory.clusters.root(link.first) != directory.clusters.root(link.second)
    ]
    if by_name := sum(link.reason == NAME for link in began):
        sentences.append(
            f"{by_name} {'match' if by_name == 1 else 'matches'} by name alone (`grade people` lists them)"
        )
    return sentences


def _names(directory: Directory, link: Link) -> str:
    one, two = directory.records[link.first], directory.records[link.second]
    return f"{line(one.name)} ({one.key}) and {line(two.name)} ({two.key})"
