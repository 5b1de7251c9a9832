"""The comment bank: words that are used again, by criterion, with or without points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.classroom.pages.classpage import BOUNDARIES
from grader.classroom.storage.gradebook import Gradebook, GradebookEntry, timestamp
from grader.errors import UsageError
from grader.review.decisions import row_item
from grader.review.index import ClassIndex, revision
from grader.review.items import items_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BankComment:
    """A comment of the bank; ``points`` is such as "+1" or "=3", or empty."""

    id: int
    criterion: str
    text: str
    points: str
    revision: int
    uses: int = 0


class BankStore(Gradebook):
    """The part of the gradebook that holds the comment bank."""

    index: ClassIndex

    def bank(self, criterion: str | None = None) -> list[BankComment]:
        """Return the comments of one criterion, or all, in the order in which digit keys apply them."""
        query = """SELECT id, criterion, text, points, revision, (
            SELECT count(*) FROM review_part JOIN adjustment ON adjustment.id = adjustment
            WHERE comment = review_comment.id AND withdrawn IS NULL) AS uses
            FROM review_comment WHERE retired IS NULL AND (? IS NULL OR criterion = ?)
            ORDER BY criterion, id"""
        return [BankComment(**dict(row)) for row in self._rows(query, criterion, criterion)]

    def add_comment(self, criterion: str, text: str, points: str) -> int:
        """Add a comment and return its id."""
        query = "INSERT INTO review_comment VALUES (NULL, ?, ?, ?, 1, NULL) RETURNING id"
        return int(self._rows(query, criterion, text, points)[0]["id"])

    def edit_comment(
        self, comment: BankComment, text: str, points: str, who: str, *, everywhere: bool
    ) -> int:
        """Change a comment's words from now on, or also wherever they were used; its points from now on.

        Returns:
            How many adjustments have the new words.

        Raises:
            UsageError: somebody else changed or retired it since it was shown.
        """
        with self.transaction():
            query = (
                "UPDATE review_comment SET text = ?, points = ?, revision = revision + 1 WHERE id = ? AND "
            )
            query += "revision = ? AND retired IS NULL RETURNING id"
            if not self._rows(query, text, points, comment.id, comment.revision):
                raise UsageError("somebody else has changed this comment since it was shown; reload the page")
            if not everywhere:
                return 0
            query = """SELECT id, person, because FROM adjustment
                WHERE withdrawn IS NULL AND because != ?
                AND id IN (SELECT adjustment FROM review_part WHERE comment = ?)"""
            rows = self._rows(query, text, comment.id)
            for row in rows:
                self._rows("UPDATE adjustment SET because = ? WHERE id = ?", text, row["id"])
                what = f"reword {comment.criterion}"
                self.log_change(row["person"], what, row["because"], text, "comment bank", who)
            changed = self._reworded({row["id"]: row["person"] for row in rows}, comment.criterion, text)
        self.index.update(self, changed)
        return len(rows)

    def _reworded(self, reworded: Mapping[int, int], criterion: str, text: str) -> list[GradebookEntry]:
        """Return the entries with new words; what was decided on them stays so.

        Args:
            reworded: record by the id of each adjustment.
        """
        self.index.refresh(self)
        directory = self.directory()
        changed = []
        for record in {directory.root(each).id for each in reworded.values()} & self.index.entries.keys():
            before = self.index.entries[record]
            made = tuple(
                replace(each, because=text) if each.id in reworded else each for each in before.adjustments
            )
            after = self.with_adjustments(before, made)
            changed.append(after)
            now = self._revisions(after, criterion)
            for item, then in self._revisions(before, criterion).items():
                query = "UPDATE review_settled SET revision = ? WHERE item = ? AND revision = ?"
                self._rows(query, now.get(item, then), item, then)
        return changed

    def _revisions(self, entry: GradebookEntry, criterion: str) -> Mapping[str, str]:
        """Return the revision of everything about a student that can be settled and holds these words."""
        items = items_of(entry, self.setting("boundaries") or BOUNDARIES)
        own = row_item(criterion, entry.person.record)
        return {own: revision(entry, criterion), **{item.name: item.revision for item in items}}

    def retire_comment(self, id: int, who: str) -> None:
        """Take a comment out of the bank; where it was used it stays."""
        self._rows("UPDATE review_comment SET retired = ? WHERE id = ?", f"{timestamp()} {who}", id)
