"""Gradebook of a class: people, results, adjustments and the audit trail in one SQLite file.

Each change is a transaction of its own, so the file stays consistent however the program ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from grader.classroom.gradings import with_gradings
from grader.classroom.marks import GRADED, TOTAL, Adjustment, FinalMark, NewAdjustment, final_mark
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
from grader.classroom.storage.results import ResultInputs, ResultStore
from grader.classroom.storage.similar_pairs import PairStore
from grader.classroom.storage.store import current_user, timestamp
from grader.classroom.storage.stored_attempts import (
    AttemptStore,
    StoredAttempt,
    counting_attempt,
    current_attempts,
)
from grader.classroom.timing.lateness import LateRule

__all__ = ["Gradebook", "GradebookEntry", "ResultInputs", "current_user", "timestamp"]

_DISSOLVED = "passed to its members"  # in the history of a team
# Adjustments of a hand-in; others are of a person.
_OF_THE_WORK = ("add", "set", "comment", "days late", GRADED)


class Gradebook(ResultStore, AttemptStore, AdjustmentStore, PairStore):
    """An open gradebook. Every method raises UsageError if the file cannot be read or written."""

    _by_key: tuple[Directory | None, Mapping[str, int]] = (None, {})  # records; a key never changes

    def late_rule(self) -> LateRule | None:
        """Return the late rule of the last batch."""
        stored = self.setting("late")
        return LateRule.from_settings(stored) if stored else None

    def _migrate(self) -> None:
        from grader.classroom.storage.migration import migrate

        migrate(self, self._db)

    def people(self) -> list[Person]:
        """Return every person of the class, staff included, sorted by key."""
        people = [person_of(records) for records in self.everybody()]
        return sorted(people, key=lambda person: person.key)

    def everybody(self) -> list[list[Record]]:
        """Return the records of each person of the class, without those that nobody is behind any more."""
        directory = self.directory()
        used = self._people("SELECT person FROM attempt")
        used |= self._people("SELECT person FROM adjustment WHERE withdrawn IS NULL")
        teams = self._people("SELECT person FROM change WHERE what = ?", _DISSOLVED)
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

    # Adjustments and the audit trail

    def pass_to_members(self, team: int, members: Sequence[int], because: str) -> None:
        """Give each member what was handed in and adjusted under the name of their team.

        Args:
            team: the record that the team's name stands for.
            members: records.
        """
        self._rows("DELETE FROM attempt WHERE person = ? AND entered IS NULL", team)
        self.log_change(team, _DISSOLVED, None, None, because)
        adjustments = self._adjustments([team]).get(team, [])
        linked = self._next_link()
        for number, each in enumerate(adjustments, start=linked):
            for member in members:
                self._add_adjustment(member, replace(each, scope="group", linked=number))
                self.log_change(member, f"{each.kind} {each.criterion} of the group", None, None, because)
            note = f"{timestamp()} {current_user()}"
            self._rows("UPDATE adjustment SET withdrawn = ? WHERE id = ?", note, each.id)

    def adjust(self, student: str, asked: NewAdjustment, *, named: int | None = None) -> None:
        """Add an adjustment, and log it.

        The current verdict and points of the criterion are stored with it, so that a later regrade that
        changes them can be flagged. What concerns a hand-in is kept with the record that handed it in, and
        follows it if records are split.

        Args:
            student: key of the student.
            named: id of the record that the student was named by, which keeps what is not about one criterion
                of a hand-in, so that undoing a merge gives it back to whom it was made for.
        """
        with self.transaction():
            self._adjust(self.entry(student), asked, named=named)

    def adjust_group(self, student: str, asked: NewAdjustment, members: Sequence[str] | None = None) -> None:
        """Add an adjustment for each member of a student's group, or for these members; see ``adjust``."""
        with self.transaction():
            entry = self.entry(student)
            linked = self._next_link()
            for key in sorted([entry.person.key, *(entry.group if members is None else members)]):
                self._adjust(self.entry(key), asked, linked=linked)

    def _adjust(
        self,
        entry: GradebookEntry,
        asked: NewAdjustment,
        *,
        linked: int | None = None,
        named: int | None = None,
    ) -> None:
        results = entry.grade.criteria if entry.grade else ()
        result = next((each for each in results if each.id == asked.criterion), None)
        verdict = (result.earned, result.verdict.value) if result else (None, None)
        record = self._record_of(entry, asked, named)
        adjustment = Adjustment(
            **asdict(asked),
            id=0,
            at=timestamp(),
            earned=verdict[0],
            verdict=verdict[1],
            scope="person" if linked is None else "group",
            linked=linked,
        )
        self._add_adjustment(record, adjustment)
        after = self.entry(entry.person.key).mark
        what = f"{asked.kind} {asked.criterion}{'' if linked is None else ' of the group'}"
        self.log_change(record, what, _final(entry.mark), _final(after), asked.because, asked.who)

    @staticmethod
    def _record_of(entry: GradebookEntry, asked: NewAdjustment, named: int | None) -> int:
        """Return the record that keeps an adjustment: that of the hand-in, or of the person meant."""
        is_of_the_work = entry.counting is not None and asked.kind in _OF_THE_WORK
        is_of_its_part = is_of_the_work and (asked.criterion != TOTAL or asked.kind == "days late")
        if named is not None and not is_of_its_part:
            return named
        return entry.counting.person if entry.counting and is_of_the_work else entry.person.record

    def withdraw(self, adjustment: Adjustment, because: str, who: str) -> dict[str, FinalMark]:
        """Withdraw an adjustment, a group's for all members; its row and its lines in the audit trail remain.

        Returns:
            The marks before, by key, of everybody whose adjustment it was, whether still in one group or not.
        """
        query = "SELECT id, person FROM adjustment WHERE withdrawn IS NULL AND (id = ? OR linked = ?)"
        rows = self._rows(query, adjustment.id, adjustment.linked)
        directory = self.directory()
        marks: dict[str, FinalMark] = {}
        with self.transaction():
            for row in rows:
                root = directory.root(row["person"])
                before = self.entry(root.key).mark
                note = f"{timestamp()} {who}"
                self._rows("UPDATE adjustment SET withdrawn = ? WHERE id = ?", note, row["id"])
                what = f"withdraw {adjustment.kind} {adjustment.criterion}"
                after = self.entry(root.key).mark
                self.log_change(row["person"], what, _final(before), _final(after), because, who)
                if root.removed is None:
                    marks.setdefault(root.key, before)
        return marks

    def audit_trail(self, student: str) -> list[Mapping[str, str | None]]:
        """Return a student's changes, oldest first, each with at, who, what, before, after and why."""
        records = self.directory().cluster(self.entry(student).person.record)
        rows = [
            row for each in records for row in self._rows("SELECT * FROM change WHERE person = ?", each.id)
        ]
        rows.sort(key=lambda row: int(row["id"]))
        return [{name: row[name] for name in dict(row) if name not in ("id", "person")} for row in rows]


def _final(mark: FinalMark) -> str:
    return "excused" if mark.is_excused else "none" if mark.final is None else f"{mark.final:g}"
