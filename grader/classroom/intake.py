"""Intake: everything that a run over a class decides before a notebook is judged."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.classroom.class_options import ClassOptions
from grader.classroom.handins import accounting
from grader.classroom.handins.collect import CollectedSubmissions, collect
from grader.classroom.handins.selection import Selector
from grader.classroom.people.enrolment import Enrolment, enrol
from grader.classroom.people.identity import RosterEntry
from grader.classroom.people.students import replace_surrogates
from grader.classroom.rosters.roster import read_roster
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.storage.run_settings import EarlierRuns, mark_by, store_settings, tell
from grader.classroom.timing.deadlines import RULE, Deadline, settle
from grader.extraction.handout import read_handout
from grader.extraction.local_modules import content_digest
from grader.options import Options
from grader.rubric import Rubric

INTAKE = "intake"  # name of the setting with the digest of the last run's intake


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Attempts, roster and rules of a run.

    Attributes:
        digests: ``content_digest`` of each attempt, by its label.
        roster: rows of a new roster; None if the one before still counts.
        roster_name: the file it was read from.
        best: whether the best attempt counts rather than the latest; None for as in the last run.
    """

    collected: CollectedSubmissions
    digests: Mapping[str, str]
    deadline: Deadline
    roster: Sequence[RosterEntry] | None = None
    roster_name: str = ""
    best: bool | None = None

    @property
    def digest(self) -> str:
        """Digest of who handed in what, and when, and of the roster and the rules that count."""
        attempts = ({**asdict(each), "path": self.digests[each.label]} for each in self.collected.attempts)
        rows = sorted(json.dumps(each, sort_keys=True, default=str) for each in attempts)
        roster = None if self.roster is None else [asdict(entry) for entry in self.roster]
        parts = [rows, roster, self.best, self.deadline.settings()[RULE]]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def take_in(
    paths: Sequence[str], rubric: Rubric, options: Options, class_options: ClassOptions, scratch: Path
) -> Intake:
    """Read roster and rules, and find every attempt below ``paths``; archives are extracted into ``scratch``.

    Raises:
        UsageError: there is nothing to grade, or a table or setting cannot be read.
    """
    earlier = EarlierRuns.read(class_options.out)
    deadline = settle(class_options.late, rubric.settings, earlier.deadline)
    if not class_options.quiet:
        print(f"grade: {deadline.sentence}", file=sys.stderr)
    roster = read_roster(class_options.roster, deadline.zone) if class_options.roster else None
    handout = read_handout(class_options.handout)
    collected = collect(
        paths,
        scratch,
        rubric.wanted,
        selector=Selector(rubric.wanted, handout, rubric.shapes, dict(options.mapped)),
        roster=earlier.claims if roster is None else [entry.claim for entry in roster],
        zip_names=class_options.zip_names,
        zone=deadline.zone,
    )
    tell(*collected.refused, *collected.notes)
    if not class_options.quiet:
        tell(accounting.summary(collected.files))
    return Intake(
        collected=collected,
        digests={attempt.label: content_digest(attempt.path) for attempt in collected.attempts},
        deadline=deadline,
        roster=roster,
        roster_name=replace_surrogates(class_options.roster.name) if class_options.roster else "",
        best=class_options.best,
    )


def enter_people(book: Gradebook, intake: Intake, rubric: Rubric) -> Enrolment:
    """Store the rules of a run in the gradebook, and find or make the record of everybody in it."""
    mark_by(book, rubric)
    store_settings(book, rubric, intake)
    book.set_setting(INTAKE, intake.digest)
    enrolment = enrol(book, intake.roster, intake.collected.attempts)
    tell(*enrolment.notes, *enrolment.conflicts)
    return enrolment
