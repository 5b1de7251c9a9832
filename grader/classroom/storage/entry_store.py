"""Entries of a gradebook: each person's attempts, grade, adjustments and final mark, put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from grader.classroom.gradings import with_gradings
from grader.classroom.marks import GRADED, Adjustment, FinalMark, final_mark
from grader.classroom.people.directory import Directory, Record
from grader.classroom.people.students import Person
from grader.classroom.people.superseded import superseded
from grader.classroom.storage.adjustments import AdjustmentStore
from grader.classroom.storage.entries import (
    GradebookEntry,
    identifiers_by_name,
    is_student,
    matched_by,
    person_of,
)
from grader.classroom.storage.results import ResultStore
from grader.classroom.storage.similar_pairs import PairStore
from grader.classroom.storage.stored_attempts import (
    AttemptStore,
    StoredAttempt,
    counting_attempt,
    current_attempts,
)
from grader.classroom.timing.lateness import LateRule
from grader.model import Verdict

DISSOLVED = "passed to its members"  # in the history of a team
# Kinds of adjustments that decide which attempt counts, or change the grade itself.
_DECIDING = ("days late", "extension", "confirm", GRADED)


class EntryStore(ResultStore, AttemptStore, AdjustmentStore, PairStore):
    """The part of a gradebook that puts together what is known of each person."""

    _by_key: tuple[Directory | None, Mapping[str, int]] = (None, {})  # records; a key never changes

    def late_rule(self) -> LateRule | None:
        """Return the late rule of the last batch."""
        stored = self.setting("late")
        return LateRule.from_settings(stored) if stored else None

    def people(self) -> list[Person]:
        """Return every person of the class, staff included, sorted by key."""
        people = [person_of(records) for records in self.everybody()]
        return sorted(people, key=lambda person: person.key)

    def everybody(self) -> list[list[Record]]:
        """Return the records of each person of the class, without those that nobody is behind any more."""
        directory = self.directory()
        used = self._people("SELECT person FROM attempt")
        used |= self._people("SELECT person FROM adjustment WHERE withdrawn IS NULL")
        teams = self._people("SELECT person FROM change WHERE what = ?", DISSOLVED)
        gone = superseded(directory, used, teams)
        return [records for records in directory.people() if records[0].id not in gone]

    def _people(self, query: str, *values: str) -> set[int]:
        return {row["person"] for row in self._rows(query, *values)}

    def keys(self) -> list[str]:
        """Return every report name that was ever given, also of merged and removed records."""
        return sorted(record.key for record in self.directory().records.values())

    def entry(self, key: str) -> GradebookEntry:
        """Return the entry of one person, by the key of any of the person's records."""
        directory = self.directory()
        if self._by_key[0] is not directory or key not in self._by_key[1]:
            self._by_key = directory, {each.key: each.id for each in directory.records.values()}
        return next(self._entries([directory.cluster(self._by_key[1][key])]))

    def submitters(self) -> set[str]:
        """Return the keys of everybody with an attempt, graded or not."""
        directory = self.directory()
        return {directory.root(id).key for id in self._people("SELECT DISTINCT person FROM attempt")}

    def entries(self) -> Iterator[GradebookEntry]:
        """Yield the entries of all people, sorted by name; staff only if they handed something in.

        Grades are parsed one at a time, so that a large class does not have to fit into memory.
        """
        people = [(person_of(records), records) for records in self.everybody()]
        people.sort(key=lambda each: (each[0].name.casefold(), each[0].key))
        for entry in self._entries([records for _, records in people]):
            if entry.is_student or entry.submitted or entry.adjustments:
                yield entry

    def _entries(self, people: Sequence[Sequence[Record]]) -> Iterator[GradebookEntry]:
        wanted = [record.id for records in people for record in records] if len(people) == 1 else None
        attempts, adjustments = self.attempts(wanted), self._adjustments(wanted)
        rule, best = self.late_rule(), self.setting("attempt") == "best"
        conflicts = self.directory().open_sentences()
        for records in people:
            own = [each for record in records for each in attempts.get(record.id, ())]
            made = sorted(
                (a for record in records for a in adjustments.get(record.id, ())), key=lambda a: a.id
            )
            # Of members who turned out to be one person, a group's adjustment counts once.
            once = {(-each.id if each.linked is None else each.linked): each for each in reversed(made)}
            made = sorted(once.values(), key=lambda a: a.id)
            adjusted = [record.id for record in records if adjustments.get(record.id)]
            told = tuple(dict.fromkeys(each for record in records for each in conflicts.get(record.id, ())))
            yield self._entry(records, current_attempts(own), tuple(made), adjusted, rule, told, best=best)

    def _entry(
        self,
        records: Sequence[Record],
        submitted: Sequence[StoredAttempt],
        adjustments: tuple[Adjustment, ...],
        adjusted: Sequence[int],
        rule: LateRule | None,
        conflicts: tuple[str, ...],
        *,
        best: bool,
    ) -> GradebookEntry:
        directory = self.directory()
        roster_time = next((each.handed_in for each in records if each.handed_in), None)
        unread_time = next((each.unread_time for each in records if each.unread_time), "")

        marking = self.marking()
        criteria = {each.id: each for each in marking.criteria} if marking else {}

        def mark(attempt: StoredAttempt, made: Sequence[Adjustment]) -> FinalMark:
            grade = self.grade(attempt.result) if attempt.result is not None else None
            grade = with_gradings(grade, adjustments, criteria) if grade else None
            return final_mark(grade, made, rule, attempt.handed_in or roster_time)

        def points(attempt: StoredAttempt) -> float:  # lateness counts before the best is chosen
            return (
                mark(attempt, [a for a in adjustments if a.kind in ("days late", "extension")]).final or 0.0
            )

        counting = counting_attempt(submitted, points if best and len(submitted) > 1 else None)
        result = counting.result if counting else None
        inputs, grade = self.result(result) if result is not None else (None, None)
        grade = with_gradings(grade, adjustments, criteria) if grade else None
        if grade and any(each.verdict == confirmation(result) for each in adjustments):
            is_open = any(each.verdict is Verdict.OPEN for each in grade.criteria)
            grade = replace(grade, provisional=is_open, review="")  # points that nobody gave count for nobody
        handed_in = (counting.handed_in if counting else None) or roster_time
        ids = {record.id for record in records}
        basis = counting.person if counting else min(adjusted, default=records[0].id)
        return GradebookEntry(
            person=person_of(records),
            on_roster=any(record.on_roster for record in records),
            is_student=is_student(records),
            label=counting.label if counting else None,
            attempts=len(submitted),
            submitted=tuple(submitted),
            counting=counting,
            handed_in=handed_in,
            unread_time="" if handed_in else (counting.unread_time if counting else "") or unread_time,
            is_late=bool(counting and counting.is_late),
            group=self._other_members(counting, ids) if counting else (),
            result=result,
            inputs=inputs,
            grade=grade,
            adjustments=adjustments,
            mark=final_mark(grade, adjustments, rule, handed_in),
            matched_by=matched_by(directory, basis, adjusted),
            by_name=identifiers_by_name(directory, basis, adjusted),
            conflicts=conflicts,
        )

    def _other_members(self, attempt: StoredAttempt, own: set[int]) -> tuple[str, ...]:
        directory = self.directory()
        others = (directory.root(id) for id in self.members(attempt) if id not in own)
        return tuple(
            sorted({record.key for record in others if record.removed is None and record.id not in own})
        )

    def with_adjustments(self, entry: GradebookEntry, adjustments: tuple[Adjustment, ...]) -> GradebookEntry:
        """Return an entry with these adjustments in place of its own.

        Where more than points depends on those that differ, the entry is read anew from the file, which must
        have them already.
        """
        before, after = (
            [each for each in some if each.kind in _DECIDING] for some in (entry.adjustments, adjustments)
        )
        if before != after:
            return self.entry(entry.person.key)
        mark = final_mark(entry.grade, adjustments, self.late_rule(), entry.handed_in)
        return replace(entry, adjustments=adjustments, mark=mark)


def confirmation(result: int | None) -> str:
    """Return what an adjustment that confirms a provisional grade holds in place of a verdict."""
    return f"result {result}"
