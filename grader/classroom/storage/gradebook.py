"""Gradebook of a class: people, results, adjustments and the audit trail in one SQLite file.

Each change is a transaction of its own, so the file stays consistent however the program ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from grader.classroom.marks import GRADED, TOTAL, Adjustment, FinalMark, NewAdjustment
from grader.classroom.storage.adjustments import adjustment_of
from grader.classroom.storage.entries import GradebookEntry
from grader.classroom.storage.entry_store import DISSOLVED, EntryStore, confirmation
from grader.classroom.storage.results import ResultInputs
from grader.classroom.storage.store import current_user, timestamp

__all__ = ["Gradebook", "GradebookEntry", "ResultInputs", "current_user", "timestamp"]

# Kinds of adjustments of a hand-in; others are of a person.
_OF_THE_WORK = ("add", "set", "comment", "days late", "confirm", "note", GRADED)


class Gradebook(EntryStore):
    """An open gradebook. Every method raises UsageError if the file cannot be read or written."""

    def _migrate(self) -> None:
        from grader.classroom.storage.migration import migrate

        migrate(self, self._db)

    def pass_to_members(self, team: int, members: Sequence[int], because: str) -> None:
        """Give each member what was handed in, adjusted and asked under the name of their team.

        Args:
            team: the record that the team's name stands for.
            members: records.
        """
        self._rows("DELETE FROM attempt WHERE person = ? AND entered IS NULL", team)
        self.log_change(team, DISSOLVED, None, None, because)
        adjustments = self._adjustments([team]).get(team, [])
        linked = self._next_link()
        for number, each in enumerate(adjustments, start=linked):
            for member in members:
                self._add_adjustment(member, replace(each, scope="group", linked=number))
                self.log_change(member, f"{each.kind} {each.criterion} of the group", None, None, because)
            note = f"{timestamp()} {current_user()}"
            query = "UPDATE adjustment SET withdrawn = ?, linked = ? WHERE id = ?"
            self._rows(query, note, number, each.id)  # linked with the copies, which undoing has to find
        if self._rows("SELECT 1 FROM sqlite_master WHERE name = 'review_request'"):
            self._pass_requests(team, members, because)

    def _pass_requests(self, team: int, members: Sequence[int], because: str) -> None:
        """Give each member the team's requests for regrade, with every step, so that each can be answered."""
        for request in self._rows("SELECT id, criterion FROM review_request WHERE person = ?", team):
            for member in members:
                query = """INSERT INTO review_request
                    SELECT NULL, ?, criterion, text, at, who, sent, due FROM review_request WHERE id = ?
                    RETURNING id"""
                id = int(self._rows(query, member, request["id"])[0]["id"])
                query = """INSERT INTO review_request_step SELECT NULL, ?, state, at, who, why, action
                    FROM review_request_step WHERE request = ? ORDER BY id"""
                self._rows(query, id, request["id"])
                what = f"request {id} on {request['criterion']} of the group"
                self.log_change(member, what, None, None, because)

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
        within: str = "",
    ) -> Adjustment:
        """Add an adjustment and log it; ``within`` names for the history what it is a part of."""
        results = entry.grade.criteria if entry.grade else ()
        result = next((each for each in results if each.id == asked.criterion), None)
        earned, verdict = (result.earned, str(result.verdict.value)) if result else (None, None)
        if asked.kind == "confirm":  # of this result alone: one that comes later is looked at anew
            verdict = confirmation(entry.result)
        record = self._record_of(entry, asked, named)
        adjustment = Adjustment(
            **asdict(asked),
            id=0,
            at=timestamp(),
            earned=earned,
            verdict=verdict,
            scope="person" if linked is None else "group",
            linked=linked,
        )
        made = self._add_adjustment(record, adjustment)
        after = self.with_adjustments(entry, (*entry.adjustments, made)).mark
        of_group = "" if linked is None else " of the group"
        what = f"{asked.kind} {asked.criterion}{of_group}{f' ({within})' if within else ''}"
        self.log_change(record, what, _final(entry.mark), _final(after), asked.because, asked.who)
        return made

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
        query = "SELECT * FROM adjustment WHERE withdrawn IS NULL AND (id = ? OR linked = ?)"
        rows = self._rows(query, adjustment.id, adjustment.linked)
        directory = self.directory()
        marks: dict[str, FinalMark] = {}
        with self.transaction():
            for row in rows:
                root = directory.root(row["person"])
                entry = self.entry(root.key)
                self._withdraw(entry, row["person"], adjustment_of(row), because, who)
                if root.removed is None:
                    marks.setdefault(root.key, entry.mark)
        return marks

    def _withdraw(
        self, entry: GradebookEntry, record: int, adjustment: Adjustment, because: str, who: str
    ) -> None:
        """Withdraw one adjustment, kept with ``record``, and log it; ``entry`` is its person's."""
        note = f"{timestamp()} {who}"
        self._rows("UPDATE adjustment SET withdrawn = ? WHERE id = ?", note, adjustment.id)
        left = tuple(each for each in entry.adjustments if each.id != adjustment.id)
        after = self.with_adjustments(entry, left).mark
        what = f"withdraw {adjustment.kind} {adjustment.criterion}"
        self.log_change(record, what, _final(entry.mark), _final(after), because, who)

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
