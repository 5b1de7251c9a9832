"""Who works on which item, and which comes next: no item is given to two people."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from grader.classroom.storage.store import Store

LASTS = 20 * 60  # seconds that a claim holds without any action of its owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That somebody works on an item since ``at``, in seconds since 1970."""

    item: str
    who: str
    at: float


class ClaimStore(Store):
    """The part of the gradebook that holds claims and visits."""

    def claims(self) -> dict[str, Claim]:
        """Return the claims that hold, by item."""
        rows = self._rows("SELECT * FROM review_claim WHERE at > ?", time.time() - LASTS)
        return {row["item"]: Claim(item=row["item"], who=row["who"], at=row["at"]) for row in rows}

    def take(self, item: str, who: str, *, even_if_claimed: bool = False) -> Claim:
        """Claim an item unless somebody else has; return whose it is now. Use it inside a transaction."""
        held = self.claims().get(item)
        if held and held.who != who and not even_if_claimed:
            return held
        now = time.time()
        self._rows("INSERT OR REPLACE INTO review_claim VALUES (?, ?, ?)", item, who, now)
        return Claim(item=item, who=who, at=now)

    def release(self, item: str, who: str) -> None:
        """Let others have an item."""
        self._rows("DELETE FROM review_claim WHERE item = ? AND who = ?", item, who)

    def next_item(self, items: Sequence[str], who: str, leaving: str = "") -> str | None:
        """Claim the first of ``items`` that nobody else works on, and leave the one before.

        Those that this TA has not seen yet come first, then those seen longest ago.
        """
        with self.transaction():
            if leaving:
                self.release(leaving, who)
            taken = {item for item, claim in self.claims().items() if claim.who != who}
            seen = self._seen(who)
            free = [item for item in items if item not in taken and item != leaving]
            chosen = min(free, key=lambda item: seen.get(item, 0), default=None)  # the first of equals
            if chosen is not None:
                self.take(chosen, who)
                self.visit(chosen, who)
            return chosen

    def visit(self, item: str, who: str) -> None:
        """Note that a TA opened an item, unless it is the one they opened last."""
        query = "SELECT item FROM review_visit WHERE who = ? ORDER BY id DESC LIMIT 1"
        if not any(row["item"] == item for row in self._rows(query, who)):
            self._rows("INSERT INTO review_visit VALUES (NULL, ?, ?)", who, item)

    def item_before(self, item: str, who: str) -> str | None:
        """Return the item that a TA visited before this one."""
        query = """SELECT item FROM review_visit WHERE who = ? AND item != ? AND id < (
            SELECT coalesce(max(id), 1e18) FROM review_visit WHERE who = ? AND item = ?)
            ORDER BY id DESC LIMIT 1"""
        return next((str(row["item"]) for row in self._rows(query, who, item, who, item)), None)

    def _seen(self, who: str) -> dict[str, int]:
        query = "SELECT item, max(id) AS last FROM review_visit WHERE who = ? GROUP BY item"
        return {row["item"]: row["last"] for row in self._rows(query, who)}

    def preference(self, who: str, name: str) -> str:
        """Return how a TA wants the pages; "" by default."""
        rows = self._rows("SELECT value FROM review_preference WHERE who = ? AND name = ?", who, name)
        return str(rows[0]["value"]) if rows else ""

    def set_preference(self, who: str, name: str, value: str) -> None:
        """Store how a TA wants the pages."""
        self._rows("INSERT OR REPLACE INTO review_preference VALUES (?, ?, ?)", who, name, value)


def shuffled_place(who: str, item: str) -> str:
    """Return what sorts items at random, always the same for one TA."""
    return hashlib.sha256(f"{who}\0{item}".encode()).hexdigest()
