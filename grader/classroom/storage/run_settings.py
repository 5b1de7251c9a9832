"""Settings that a run stores for later ones: roster, late rule, which attempt counts, and notes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.classroom.handins import accounting
from grader.classroom.pages.classpage import BOUNDARIES
from grader.classroom.people.identity import Claim
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.remarking import store_rubric
from grader.classroom.storage.store import NAME
from grader.classroom.timing.deadlines import kept_deadline, store_deadline
from grader.rubric import Rubric
from grader.text import clean

if TYPE_CHECKING:
    from grader.classroom.intake import Intake


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRuns:
    """What the gradebook knows before a run: the deadline's settings, and a claim for each person."""

    deadline: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()

    @classmethod
    def read(cls, out: Path) -> EarlierRuns:
        """Read the gradebook in a folder, if there is one yet."""
        if not (out / NAME).exists():
            return cls()
        with Gradebook(out) as book:
            claims = tuple(Claim(name=each.name, identifiers=each.identifiers) for each in book.people())
            return cls(deadline=kept_deadline(book), claims=claims)


def tell(*sentences: str) -> None:
    for sentence in sentences:
        print(f"grade: {clean(sentence)}", file=sys.stderr)


def store_settings(book: Gradebook, rubric: Rubric, intake: Intake) -> None:
    """Store what later runs and other commands need to know; what was not given stays as it was."""
    collected = intake.collected
    with book.transaction():
        if intake.best is not None:
            book.set_setting("attempt", "best" if intake.best else "latest")
        if intake.roster is not None:
            book.set_setting("roster", {"name": intake.roster_name, "rows": len(intake.roster)})
        elif stored := book.setting("roster"):
            tell(f"the roster of an earlier run still counts ({stored['name']}, {stored['rows']} rows)")
        book.set_setting("refused", list(collected.refused))
        book.set_setting("notes", list(collected.notes))
        book.set_setting("files", accounting.as_json(collected.files))
        book.set_setting("boundaries", rubric.settings.get("boundaries", BOUNDARIES))
        store_deadline(book, intake.deadline)


def mark_by(book: Gradebook, rubric: Rubric) -> None:
    """Mark everybody by a rubric's points and words from now on, and say whose mark that changes."""
    with book.transaction():
        changed = store_rubric(book, rubric)
    if changed:
        tell(changed)
