"""Time zones: the course's, the machine's, and those that texts name by offset, abbreviation or IANA name."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache

from grader.errors import UsageError

_ABBREVIATIONS = {"CET", "EET", "EST", "HST", "MET", "MST", "WET"}  # that are also names of zones
_TRANSLATED = {"MEZ": 1, "MESZ": 2, "WEZ": 0, "WESZ": 1, "OEZ": 2, "OESZ": 3}  # hours
_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([+\-−])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


def find_zone(name: str) -> tzinfo:
    """Return the zone with an IANA name, or with an offset such as +02:00.

    Raises:
        UsageError: there is no such zone. Abbreviations such as CET are refused: most of them name a fixed
            offset, and a course that uses one would be an hour off for half of the year.
    """
    zone = None if name in _ABBREVIATIONS else fixed_offset(name) or iana_zone(name)
    if not zone:
        raise UsageError(f"there is no time zone named {name!r}; give a name such as Europe/Berlin or UTC")
    return zone


def local_zone() -> tzinfo:
    """Return this machine's zone, with its changes of clocks where the machine tells its name."""
    import tzlocal

    try:
        zone = tzlocal.reload_localzone()  # without its cache
        zone.utcoffset(datetime.now())
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.now().astimezone().tzinfo or UTC
    return zone


def zone_key(zone: tzinfo, time: datetime) -> str:
    """Return a zone as ``find_zone`` reads it: its name, or its offset at a time where it has none."""
    if isinstance(zone, zoneinfo.ZoneInfo) and zone.key and _is_found(zone.key):
        return zone.key
    return str(timezone(time.utcoffset() or timedelta())).removeprefix("UTC") or "UTC"


def _is_found(key: str) -> bool:
    return key not in _ABBREVIATIONS and iana_zone(key) is not None


def zone_name(time: datetime) -> str:
    """Return the name of a time's zone with its offset then, such as ``Europe/Berlin, UTC+01:00``."""
    offset = str(timezone(time.utcoffset() or timedelta()))
    name = getattr(time.tzinfo, "key", None) or offset
    return name if name == offset else f"{name}, {offset}"


def iana_zone(name: str) -> tzinfo | None:
    """Return the zone with an IANA name, or None."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones is an OSError
        return None


def fixed_offset(text: str) -> tzinfo | None:
    """Return the zone of ``Z``, ``UTC``, ``GMT`` or an offset such as ``+01:00``, ``-0700`` or ``UTC+1``."""
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if not (match := _OFFSET.fullmatch(text)):
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if int(match[3] or 0) > 59 or offset > timedelta(hours=14):
        return None
    return timezone(offset if match[1] == "+" else -offset)


def abbreviated_zone(name: str, year: int, zone: tzinfo) -> tzinfo | None:
    """Return the offset that an abbreviation such as CEST has in a year, or None where it is ambiguous.

    The course's own zone decides where it has the abbreviation: CST is UTC-06:00 for a course in Chicago.
    Otherwise all zones of the world that use it have to agree: without a course's zone CST may be Chicago,
    Havana or Shanghai.
    """
    if name in _TRANSLATED:  # German ones, which zones themselves do not have
        return timezone(timedelta(hours=_TRANSLATED[name]))
    offsets = dict(_abbreviations_of(zone, year)).get(name) or _offsets_by_abbreviation(year).get(name, set())
    return timezone(next(iter(offsets))) if len(offsets) == 1 else None


@cache
def _offsets_by_abbreviation(year: int) -> dict[str, set[timedelta]]:
    offsets: dict[str, set[timedelta]] = {}
    for key in zoneinfo.available_timezones():
        if zone := iana_zone(key):
            for name, own in _abbreviations_of(zone, year):
                offsets.setdefault(name, set()).update(own)
    return offsets


def _abbreviations_of(zone: tzinfo, year: int) -> Iterator[tuple[str, set[timedelta]]]:
    """Yield the zone's abbreviations in a year, looked up in the middle of each month."""
    offsets: dict[str, set[timedelta]] = {}
    for month in range(1, 13):
        time = datetime(year, month, 15, 12, tzinfo=zone)
        if (name := time.tzname()) and (offset := time.utcoffset()) is not None:
            offsets.setdefault(name, set()).add(offset)
    yield from offsets.items()
