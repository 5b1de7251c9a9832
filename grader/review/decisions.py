"""Decisions of TAs: for one student or a group, in one transaction, each of which can be undone.

Every decision is made of the gradebook's own adjustments, so the command line, exports and reports know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grader.classroom.adjusting import amount_of, check_confirmable, check_criterion, read_amount
from grader.classroom.answers import points_awarded, sharing_answer
from grader.classroom.marks import GRADED, TOTAL, NewAdjustment
from grader.classroom.storage.adjustments import adjustment_of
from grader.classroom.storage.gradebook import GradebookEntry, timestamp
from grader.errors import UsageError
from grader.review.actions import Action, student_in_words
from grader.review.index import result_of, revision
from grader.review.requests import ANSWERED, RequestStore, SeenRequest
from grader.written_answers import NO_ITEMS, PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A student's criterion as a TA saw it."""

    record: int
    criterion: str
    revision: str

    @property
    def item(self) -> str:
        """The name under which it is claimed and settled."""
        return row_item(self.criterion, self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a TA wants to do with rows.

    Attributes:
        points: such as "+2" or "=4"; "" to leave them.
        because: the reason or the comment, which the student reads; "" if the verdict stands as it is.
        comment: id of the comment in the bank whose words these are.
        group: the group's name for the history; "" for one student.
        place: cell and line that the words are at, such as "2:9".
        for_staff: whether only staff may read the words, which then change no points.
        items: rubric items that a written answer earns; None to give none of them or points.
        request: the request for regrade that this answers, as the TA saw it.
    """

    points: str = ""
    because: str = ""
    comment: int | None = None
    group: str = ""
    place: str | None = None
    for_staff: bool = False
    items: tuple[str, ...] | None = None
    request: SeenRequest | None = None

    @property
    def stands(self) -> bool:
        """Whether the verdict stands as it is, without a word."""
        return not self.points and self.items is None and not self.because.strip()


class Stale(Exception):
    """Rows that somebody else changed since they were shown; nothing was written."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        super().__init__(rows)
        self.rows = rows


def row_item(criterion: str, record: int) -> str:
    """Return the name of a student's criterion."""
    return f"row:{criterion}:{record}"


class DecisionStore(RequestStore):
    """The part of the gradebook that holds the decisions made on the review pages."""

    def carry_out(self, rows: Sequence[Row], wanted: Wanted, who: str) -> Action:
        """Carry out one decision for all rows, or for none.

        Raises:
            Stale: rows have changed.
            UsageError: the points or the reason are missing or do not fit.
        """
        if not rows:
            raise UsageError("nobody is chosen; tick at least one student")
        if wanted.points and not wanted.because.strip():
            raise UsageError("an adjustment needs a reason, which the student will read")
        if (wanted.points or wanted.items is not None) and wanted.for_staff:
            raise UsageError("points need a reason that the student may read; write the note for staff apart")
        if wanted.request and (wanted.for_staff or not wanted.because.strip()):
            raise UsageError("a request is answered in words that the student reads")
        with self.transaction():
            self.index.refresh(self)
            request = self.as_seen(wanted.request) if wanted.request else None
            if request and [(row.record, row.criterion) for row in rows] != [
                (request.record, request.criterion)
            ]:
                raise UsageError("a request is answered for its own student and criterion; reload the page")
            entries = [self.index.entries.get(row.record) for row in rows]
            stale = [
                row
                for row, entry in zip(rows, entries, strict=True)
                if entry is None or revision(entry, row.criterion) != row.revision
            ]
            if stale:
                raise Stale(tuple(stale))
            action = self._add_action(who, _sentence(rows, wanted))
            if request:
                self._take_step(request, ANSWERED, wanted.because, action)
                words = f"On your request of {(request.sent or request.at)[:10]}: {wanted.because}"
                wanted = replace(wanted, because=words, comment=None)  # not reworded with the bank's
            changed: dict[int, GradebookEntry] = {}
            for row in rows:
                if row.record not in changed:  # else decided with another member of its hand-in
                    entry = self.index.entries[row.record]
                    changed |= self._decide(row.criterion, entry, wanted, action)
        self.index.update(self, changed.values())
        return action

    def _decide(
        self, criterion: str, entry: GradebookEntry, wanted: Wanted, action: Action
    ) -> dict[int, GradebookEntry]:
        """Decide for a student, and return the entries of everybody that it holds for, by record.

        A verdict on a written answer holds for all members of the group that handed it in.
        """
        check_criterion(criterion, entry)
        asked = self._asked(criterion, entry, wanted, action.who)
        sharing = sharing_answer(self, entry, criterion) if asked and asked.kind == GRADED else []
        linked = self._next_link() if sharing else None
        decided: dict[int, GradebookEntry] = {}
        for each in (entry, *sharing):
            after = each
            if asked:
                made = self._adjust(each, asked, linked=linked, within=wanted.group)
                self._rows("INSERT INTO review_part VALUES (?, ?, ?)", action.id, made.id, wanted.comment)
                after = self.with_adjustments(each, (*each.adjustments, made))
            decided[each.person.record] = after
            self.settle(row_item(criterion, each.person.record), revision(after, criterion), action)
        return decided

    def _asked(self, criterion: str, entry: GradebookEntry, wanted: Wanted, who: str) -> NewAdjustment | None:
        """Return what to add to a student's adjustments; None if the verdict stands."""
        result = result_of(entry, criterion)
        answer = None
        is_answer = result is not None and result.judged_by == PERSON and wanted.points.startswith("=")
        if wanted.stands:
            return None
        if wanted.items is not None or is_answer:
            points = None if wanted.items is not None else amount_of(wanted.points)
            kind, amount = GRADED, points_awarded(self, entry, criterion, wanted.items, points)
            answer = result.answer if result else None
        elif wanted.points:
            kind, amount = read_amount(wanted.points, criterion, entry)
        else:
            kind, amount = "note" if wanted.for_staff else "comment", 0.0
        return NewAdjustment(
            kind=kind,
            criterion=criterion,
            points=amount,
            because=wanted.because,
            who=who,
            place=wanted.place,
            items=wanted.items,
            answer=answer,
        )

    def confirm(self, record: int, result: int | None, because: str, who: str) -> Action:
        """Let a provisional grade count.

        Raises:
            UsageError: another result counts by now, or it is not provisional any more.
        """
        with self.transaction():
            self.index.refresh(self)
            entry = self.index.entries[record]
            if entry.result != result:
                raise UsageError("this grade has changed since it was shown; look at it again")
            check_confirmable(entry)
            action = self._add_action(
                who, f"provisional grade of {student_in_words(record)} counts: {because}"
            )
            asked = NewAdjustment(kind="confirm", criterion=TOTAL, points=0.0, because=because, who=who)
            made = self._adjust(entry, asked)
            self._rows("INSERT INTO review_part VALUES (?, ?, NULL)", action.id, made.id)
            after = self.with_adjustments(entry, (*entry.adjustments, made))
        self.index.update(self, [after])
        return action

    def undo_action(self, id: int, who: str) -> str:
        """Take back everything one decision did, and return what it was.

        What somebody withdrew meanwhile stays withdrawn, and what was decided later stays.

        Raises:
            UsageError: it was taken back already.
        """
        with self.transaction():
            self.index.refresh(self)
            found = self._rows("SELECT what, undone FROM review_action WHERE id = ?", id)
            if not found or found[0]["undone"]:
                raise UsageError("this was undone already")
            # What it made, and the members' copies where a team was dissolved since.
            query = """WITH made AS (SELECT adjustment.id, linked, withdrawn FROM review_part
                JOIN adjustment ON adjustment.id = review_part.adjustment WHERE action = ?)
                SELECT * FROM adjustment WHERE withdrawn IS NULL AND (id IN (SELECT id FROM made)
                OR linked IN (SELECT linked FROM made WHERE linked IS NOT NULL AND withdrawn IS NOT NULL))
                ORDER BY id DESC"""
            directory, changed = self.directory(), dict[int, GradebookEntry]()
            for row in self._rows(query, id):
                root = directory.root(row["person"]).id
                entry = changed.get(root) or self.index.entries.get(root)
                entry = entry or self.entry(directory.records[root].key)  # of somebody who left the class
                own = adjustment_of(row)
                self._withdraw(entry, row["person"], own, "undone on the review pages", who)
                left = tuple(each for each in entry.adjustments if each.id != own.id)
                changed[root] = self.with_adjustments(entry, left)
            self._rows("DELETE FROM review_settled WHERE action = ?", id)
            requests = self.requests_of(id)
            note = f"{timestamp()} {who}"
            self._rows("UPDATE review_action SET undone = ? WHERE id = ?", note, id)
            self.log_undone(requests, who)
        known = (each for root, each in changed.items() if root in self.index.entries)
        self.index.update(self, known)
        return str(found[0]["what"])

    def splits(self) -> set[str]:
        """Return the rows that were taken out of their groups."""
        return {row["item"] for row in self._rows("SELECT item FROM review_split")}

    def split(self, item: str, *, is_apart: bool) -> None:
        """Take a row out of its group, or put it back."""
        query = (
            "INSERT OR IGNORE INTO review_split VALUES (?)"
            if is_apart
            else "DELETE FROM review_split WHERE item = ?"
        )
        self._rows(query, item)


def _sentence(rows: Sequence[Row], wanted: Wanted) -> str:
    criterion = rows[0].criterion
    of = f"{len(rows)} students" if len(rows) > 1 else "one student"
    if wanted.stands:
        what = f"{criterion}: verdict stands"
    elif wanted.items is not None:
        what = f"{criterion} {', '.join(wanted.items) or NO_ITEMS}"
    elif wanted.points:
        what = f"{criterion} {wanted.points}"
    else:
        what = f"{criterion}: {'note' if wanted.for_staff else 'comment'}"
    because = f": {wanted.because}" if wanted.because.strip() else ""
    on = f" on request {wanted.request.id}" if wanted.request else ""
    return f"{what} for {of}{on}{because}"
