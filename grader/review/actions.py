"""What TAs did, in sentences, each of which can be undone; and what needs nobody any more since."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.classroom.storage.gradebook import Gradebook, timestamp
from grader.review.index import ClassIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A decision that was made; ``undone`` says when and by whom it was taken back."""

    id: int
    at: str
    who: str
    what: str
    undone: str | None


STUDENT = re.compile(r"\[student (\d{1,18})\]")


def student_in_words(record: int) -> str:
    """Return what stands for a student in the sentence of an action; pages put the name in its place."""
    return f"[student {record}]"


class ActionStore(Gradebook):
    """The part of the gradebook that holds actions of TAs."""

    index: ClassIndex

    def note(self, item: str, item_revision: str, what: str, who: str) -> Action:
        """Note that somebody looked at an item, in a sentence; nothing else changes."""
        with self.transaction():
            action = self._add_action(who, what)
            self.settle(item, item_revision, action)
        return action

    def settle(self, item: str, item_revision: str, action: Action) -> None:
        """Note that an item needs nobody any more, until its revision changes."""
        row = (item, item_revision, action.who, action.at, action.id)
        self._rows("INSERT OR REPLACE INTO review_settled VALUES (?, ?, ?, ?, ?)", *row)
        self._rows("DELETE FROM review_claim WHERE item = ?", item)

    def settled(self) -> dict[str, str]:
        """Return the revision at which each item was settled."""
        return {
            row["item"]: row["revision"] for row in self._rows("SELECT item, revision FROM review_settled")
        }

    def _add_action(self, who: str, what: str) -> Action:
        at = timestamp()
        query = "INSERT INTO review_action VALUES (NULL, ?, ?, ?, NULL) RETURNING id"
        id = int(self._rows(query, at, who, what)[0]["id"])
        return Action(id=id, at=at, who=who, what=what, undone=None)

    def actions(self, who: str | None = None, limit: int = 100) -> list[Action]:
        """Return the newest decisions of one TA or of all, newest first."""
        condition, values = ("WHERE who = ?", (who,)) if who else ("", ())
        query = f"SELECT id, at, who, what, undone FROM review_action {condition} ORDER BY id DESC LIMIT ?"
        return [Action(**dict(row)) for row in self._rows(query, *values, limit)]
