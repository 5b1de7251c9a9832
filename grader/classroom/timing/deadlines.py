"""Due date, late rule and time zone of a class: given on the command line, by the rubric, or earlier."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from grader.classroom.pages.reports import final_points
from grader.classroom.storage.gradebook import Gradebook
from grader.classroom.timing.lateness import LateRule, due_text
from grader.classroom.timing.zones import find_zone, local_zone, zone_key, zone_name
from grader.errors import UsageError

GIVEN = "late given"  # names of settings in the gradebook
ZONE = "timezone"
RULE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When a class's homework is due, and in which zone its times without one are read.

    Attributes:
        rule: None where nothing says when the homework is due.
        given: settings of the rule that command lines gave, now or in an earlier run; JSON data.
    """

    zone: tzinfo
    rule: LateRule | None
    given: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """The due date, or the zone of times where there is none, for the start of a run."""
        if self.rule is None:
            return f"no due date; times without a zone are {zone_name(datetime.now(self.zone))}"
        return f"due {due_text(self.rule.due)}"

    def settings(self) -> dict[str, Any]:
        """Return what the gradebook keeps for later runs and other commands, by name."""
        rule = self.rule.as_json() if self.rule else None
        return {GIVEN: dict(self.given), ZONE: zone_key(self.zone, datetime.now(UTC)), RULE: rule}


def settle(given: Mapping[str, str], rubric_settings: Mapping[str, Any], kept: Mapping[str, Any]) -> Deadline:
    """Return the deadline of a run.

    The command line decides, then what an earlier command line gave, then the rubric; the zone is this
    machine's at last. Without any due date the rule of an earlier run holds.

    Args:
        given: settings of the late rule on the command line, as text.
        rubric_settings: the rubric's ``[settings]``.
        kept: ``Deadline.settings`` of the last run; {} if there was none.

    Raises:
        UsageError: a time, a zone or a number cannot be read, or a rule has no due date.
    """
    earlier = kept.get(GIVEN) or {}
    if earlier is True:  # a gradebook of the first version: its rule came from the command line
        earlier = kept.get(RULE) or {}
    every = {**earlier, **given}
    of_rubric = rubric_settings.get("late") or {}
    named = every.get("timezone") or of_rubric.get("timezone") or kept.get(ZONE)
    zone = find_zone(str(named)) if named else local_zone()
    merged = {**of_rubric, **every}
    if "due" not in merged:
        merged = {**(kept.get(RULE) or {}), **merged}
    if "due" not in merged:
        if every.keys() - {"timezone"}:
            raise UsageError("--late needs a due date: give --due, or set it in the rubric's [settings.late]")
        return Deadline(zone=zone, rule=None, given=every)
    return Deadline(zone=zone, rule=LateRule.from_settings({**merged, "timezone": None}, zone), given=every)


def kept_zone(book: Gradebook) -> tzinfo:
    """Return the course's zone that the gradebook keeps; this machine's if there is none yet."""
    return find_zone(name) if (name := book.setting(ZONE)) else local_zone()


def store_deadline(book: Gradebook, deadline: Deadline) -> list[str]:
    """Keep the deadline for later runs, and log a line for each student whose mark it changes.

    Returns:
        The keys of those students, whose reports are out of date.
    """
    old, new = kept_deadline(book).get(RULE), deadline.settings()
    before = {} if old == new[RULE] else {e.person.key: final_points(e.mark) for e in book.entries()}
    for name, value in new.items():
        book.set_setting(name, value)
    changed = []
    for entry in book.entries() if before else ():
        key, now = entry.person.key, final_points(entry.mark)
        if before[key] != now:
            what = _what_moved(old, deadline.rule)
            book.log_change(entry.person.record, "late rule", before[key], now, what)
            changed.append(key)
    return changed


def late_numbers(text: str) -> dict[str, str]:
    """Return the settings in ``--late PER_DAY[,GRACE[,MOST]]``.

    Raises:
        UsageError: the text has another form.
    """
    parts = [part.strip() for part in text.split(",")]
    names = ("per_day", "grace", "most")
    if len(parts) > len(names) or not all(_is_number(part) for part in parts):
        raise UsageError(
            "--late takes up to three numbers: percent per day, minutes of grace, maximum percent, such as "
            f"10,15,50; not {text!r}"
        )
    return dict(zip(names, parts, strict=False))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def kept_deadline(book: Gradebook) -> dict[str, Any]:
    """Return the settings of the deadline that the gradebook keeps."""
    return {name: value for name in (GIVEN, ZONE, RULE) if (value := book.setting(name)) is not None}


def _what_moved(old: Mapping[str, Any] | None, new: LateRule | None) -> str:
    if not old or not new:
        return f"the due date was set to {due_text(new.due)}" if new else "there is no due date any more"
    was = LateRule.from_settings(old)
    if was.due != new.due:
        return f"the due date moved from {due_text(was.due)} to {due_text(new.due)}"
    return f"the late penalty changed from {was.penalty_text} to {new.penalty_text}"
