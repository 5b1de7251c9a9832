"""What a run leaves in the gradebook for later ones: roster, late rule, which attempt counts, and notes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.classroom.handins import accounting
from grader.classroom.handins.collect import CollectedSubmissions
from grader.classroom.pages.classpage import BOUNDARIES
from grader.classroom.people.identity import Claim, RosterEntry
from grader.classroom.people.students import replace_surrogates
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.store import NAME
from grader.classroom.timing.deadlines import Deadline, store_deadline
from grader.rubric import Rubric
from grader.text import clean

if TYPE_CHECKING:
    from grader.classroom.class_options import ClassOptions


def known_claims(out: Path) -> list[Claim]:
    """Return the people that the gradebook in a folder knows; none if there is no gradebook yet."""
    if not (out / NAME).exists():
        return []
    with Gradebook(out) as book:
        return [Claim(name=person.name, identifiers=person.identifiers) for person in book.people()]


def tell(*sentences: str) -> None:
    for sentence in sentences:
        print(f"grade: {clean(sentence)}", file=sys.stderr)


def store_settings(
    book: Gradebook,
    rubric: Rubric,
    class_options: ClassOptions,
    deadline: Deadline,
    collected: CollectedSubmissions,
    roster: Sequence[RosterEntry] | None,
) -> None:
    """Store what later runs and other commands need to know; what was not given stays as it was."""
    with book.transaction():
        if class_options.best is not None:
            book.set_setting("attempt", "best" if class_options.best else "latest")
        if roster is not None and class_options.roster:
            name = replace_surrogates(class_options.roster.name)
            book.set_setting("roster", {"name": name, "rows": len(roster)})
        elif stored := book.setting("roster"):
            tell(f"the roster of an earlier run still counts ({stored['name']}, {stored['rows']} rows)")
        book.set_setting("refused", list(collected.refused))
        book.set_setting("notes", list(collected.notes))
        book.set_setting("files", accounting.as_json(collected.files))
        book.set_setting("boundaries", rubric.settings.get("boundaries", BOUNDARIES))
        store_deadline(book, deadline)
