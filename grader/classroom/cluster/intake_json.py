"""An intake as JSON, as a plan holds it: attempts with their owners, the roster, the rules, every file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from grader.classroom.handins.accounting import Fate, FileRecord
from grader.classroom.handins.collect import CollectedSubmissions
from grader.classroom.intake import Intake
from grader.classroom.people.identity import Claim, Identifier, RosterEntry
from grader.classroom.people.students import Attempt
from grader.classroom.timing.deadlines import GIVEN, RULE, ZONE, Deadline
from grader.classroom.timing.lateness import LateRule
from grader.classroom.timing.zones import find_zone


def intake_as_json(intake: Intake) -> dict[str, Any]:
    """Return an intake as JSON data; attempts name their notebook by its digest instead of its path."""
    collected = intake.collected
    return {
        "attempts": [
            {**_row(attempt), "path": None, "notebook": intake.digests[attempt.label]}
            for attempt in collected.attempts
        ],
        "deadline": intake.deadline.settings(),
        "best": intake.best,
        "roster": None if intake.roster is None else [_row(entry) for entry in intake.roster],
        "roster_name": intake.roster_name,
        "refused": list(collected.refused),
        "notes": list(collected.notes),
        "files": [{**asdict(file), "fate": file.fate.value} for file in collected.files],
    }


def intake_from_json(data: Mapping[str, Any], nowhere: Path) -> Intake:
    """Rebuild an intake.

    Args:
        nowhere: the path of every attempt, whose notebook is found by its digest.
    """
    attempts = [
        Attempt(
            **{name: row[name] for name in ("label", "number", "unread_time", "is_late", "group")},
            members=tuple(_claim(member) for member in row["members"]),
            path=nowhere,
            handed_in=_time(row["handed_in"]),
        )
        for row in data["attempts"]
    ]
    return Intake(
        collected=CollectedSubmissions(
            attempts=tuple(attempts),
            refused=tuple(data["refused"]),
            notes=tuple(data["notes"]),
            files=tuple(FileRecord(**{**row, "fate": Fate(row["fate"])}) for row in data["files"]),
        ),
        digests={row["label"]: row["notebook"] for row in data["attempts"]},
        deadline=_deadline(data["deadline"]),
        roster=None if data["roster"] is None else [_roster_entry(row) for row in data["roster"]],
        roster_name=data["roster_name"],
        best=data["best"],
    )


def _row(value: Attempt | RosterEntry) -> dict[str, Any]:
    row = asdict(value)
    return {**row, "handed_in": value.handed_in.isoformat() if value.handed_in else None}


def _roster_entry(row: Mapping[str, Any]) -> RosterEntry:
    return RosterEntry(**{**row, "claim": _claim(row["claim"]), "handed_in": _time(row["handed_in"])})


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(name=row["name"], identifiers=tuple(Identifier(**each) for each in row["identifiers"]))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _deadline(settings: Mapping[str, Any]) -> Deadline:
    rule = settings[RULE]
    return Deadline(
        zone=find_zone(settings[ZONE]),
        rule=LateRule.from_settings(rule) if rule else None,
        given=settings[GIVEN],
    )
