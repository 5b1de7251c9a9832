"""The late rule: a due date in the course's zone, extensions, and the penalty for each day begun after it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from grader.classroom.timing.times import parse_time
from grader.classroom.timing.zones import find_zone, local_zone, zone_key, zone_name
from grader.errors import UsageError

_DAY = timedelta(days=1)
_NUMBERS = ("per_day", "grace", "most")


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRule:
    """Penalty for late submissions, in percent of the points earned.

    Attributes:
        due: the due date, in the course's time zone; until the end of the day if that was not given closer.
        per_day: percent for each day begun after the due date.
        grace: minutes after the due date that cost nothing.
        most: upper limit of the penalty, in percent.
    """

    due: datetime
    per_day: float = 10.0
    grace: float = 0.0
    most: float = 100.0

    def extended(self, until: str) -> datetime:
        """Return the due date of an extension, given as ISO 8601, in the course's zone."""
        return datetime.fromisoformat(until).astimezone(self.due.tzinfo)

    def days_late(self, handed_in: datetime, due: datetime | None = None) -> int:
        """Return the days begun since the due date, or since an extended one; 0 within the grace period.

        Days are counted by the wall clock: one due on Saturday at 23:59 costs one day until Sunday at 23:59,
        even if the clocks change in between and the day has 23 or 25 hours.
        """
        due = due or self.due
        elapsed = handed_in.astimezone(UTC) - due.astimezone(UTC)
        if elapsed <= timedelta(minutes=self.grace):
            return 0
        at_least = max(elapsed // _DAY - 1, 1)
        return next(days for days in itertools.count(at_least) if handed_in <= _days_after(due, days))

    def penalty_percent(self, days: float) -> float:
        """Return the penalty for a number of days, in percent of the points earned."""
        return min(self.per_day * days, self.most)

    @property
    def penalty_text(self) -> str:
        """The penalty without the due date, as people read it."""
        grace = f"after {self.grace:g} minutes of grace, " if self.grace else ""
        return f"{self.per_day:g} % per day, {grace}at most {self.most:g} %"

    def as_json(self) -> dict[str, Any]:
        """Return the rule as JSON data."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        zone = self.due.tzinfo or UTC
        return {"due": self.due.isoformat(), **numbers, "timezone": zone_key(zone, self.due)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], zone: tzinfo | None = None) -> LateRule:
        """Build the rule from a rubric's ``[settings.late]`` or from ``as_json``.

        Args:
            settings: with ``due`` and optionally ``timezone`` and the numbers.
            zone: the course's zone where the settings name none; this machine's if None.

        Raises:
            UsageError: the due date is missing or invalid, the zone is unknown, or a number is out of range.
        """
        if "due" not in settings:
            raise UsageError("the late rule needs a due date, such as --due 2026-03-01T23:59")
        named = settings.get("timezone")
        due = parse_due(settings["due"], find_zone(str(named)) if named else zone or local_zone())
        try:
            rule = cls(due=due, **{name: float(settings[name]) for name in _NUMBERS if name in settings})
        except (TypeError, ValueError) as error:
            raise UsageError(f"the numbers of the late rule must be numbers ({error})") from error
        if not (0 <= rule.per_day <= 100 and 0 <= rule.most <= 100 and 0 <= rule.grace <= 1e6):
            raise UsageError("the late rule takes percentages from 0 to 100, and the grace period in minutes")
        return rule


def parse_due(due: object, zone: tzinfo) -> datetime:
    """Return a due date in the course's zone; a date without a time of day lasts until the end of that day.

    Args:
        due: as text, or a date or time as TOML has them.
        zone: the course's zone, which also counts the days of a due date that is given in another one.

    Raises:
        UsageError: the text is no time that can be read without doubt.
    """
    moment = due if isinstance(due, datetime) else None
    if moment is None and (day := due if isinstance(due, date) else _bare_date(str(due))):
        moment = datetime.combine(day, time.max)
    if moment is None and (moment := parse_time(str(due), zone)) is None:
        raise UsageError(
            f"a due date looks like 2026-03-01T23:59, or 2026-03-01 for the end of that day; not {str(due)!r}"
        )
    try:
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
        moment.astimezone(UTC)
    except OverflowError as error:  # at the ends of the calendar, where other zones have no time
        raise UsageError(f"no homework is due at {due}") from error
    return moment


def due_text(due: datetime) -> str:
    """Return a due date with its zone, as people read it."""
    if due.time() == time.max:
        return f"end of {due:%Y-%m-%d} ({zone_name(due)})"
    clock = "%H:%M:%S" if due.second else "%H:%M"
    return f"{due:%Y-%m-%d {clock}} ({zone_name(due)})"


def _bare_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _days_after(due: datetime, days: int) -> datetime:
    """Return when the wall clock shows the due time again after some days.

    In the hour that clocks skip or repeat there are two such moments, and the later one is meant.
    """
    wall = due.replace(tzinfo=None) + days * _DAY
    return max(wall.replace(tzinfo=due.tzinfo, fold=fold).astimezone(UTC) for fold in (0, 1))
