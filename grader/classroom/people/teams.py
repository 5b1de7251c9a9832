"""Members of teams whose folder in Moodle's download names nobody but the team."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from grader.classroom.people.directory import Directory
from grader.classroom.people.identity import Claim
from grader.classroom.people.students import Attempt
from grader.text import line


def with_team_members(
    directory: Directory, attempts: Sequence[Attempt]
) -> tuple[list[Attempt], tuple[str, ...]]:
    """Return the attempts with the members of each team, and a sentence for each team without known members.

    Moodle's grading worksheet has a column Group with each participant's team. Sections of other rosters are
    not teams, so only rows with a participant number count.
    """
    teams: dict[str, list[Claim]] = defaultdict(list)
    for record in directory.records.values():
        ids = [i for id in directory.strongly(record.id) for i in directory.records[id].identifiers]
        if record.on_roster and record.is_student and any(i.kind == "moodle" for i in ids):
            claim = Claim(name=record.name, identifiers=tuple(ids))
            for team in {record.section, *record.section.split(", ")} - {""}:
                teams[team].append(claim)
    found, unknown = [], []
    for attempt in attempts:
        if not is_team(attempt):
            found.append(attempt)
        elif members := teams.get(attempt.group):
            found.append(replace(attempt, members=tuple(members)))
        else:
            found.append(attempt)
            unknown.append(
                f"{line(attempt.label)} is the work of a team, {line(attempt.group)}, and nothing says who "
                "is in it, so the grade is kept under the team's name; Moodle's grading worksheet, given as "
                "--roster, has a column Group with the teams."
            )
    return found, tuple(dict.fromkeys(unknown))


def is_team(attempt: Attempt) -> bool:
    """Return whether an attempt names a team in place of its members."""
    return len(attempt.members) == 1 and attempt.members[0] == Claim(name=attempt.group)
