"""Read the times that learning platforms write, in their own forms and languages.

Nothing is guessed: a text that could mean two moments, or that holds a word or a number without a meaning
here, is not read. dateparser and dateutil were tried and guess: 01/02/2026 is January or February as the
language or an option has it, CST is Chicago, an unknown zone is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo

from grader.classroom.timing.time_words import Vocabulary, split_words, vocabularies
from grader.classroom.timing.zones import abbreviated_zone, fixed_offset, iana_zone

_NO_TIME = {"", "-", "–", "—", "n/a", "none", "null"}
_MAX_TEXT = 200  # characters; longer ones are no time
_YEARS = range(1990, 2101)  # others are of another calendar, or slips
_INVISIBLE = re.compile("[\ufeff\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # order, direction
_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})[T_ -]?(\d{2})(\d{2})(\d{2})(?!\d)")  # 20260301T210405
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T_](?=\d)|(?!\d))")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-/]|\.\s?)(\d{1,2})\2(\d{4})(?!\d)")
_CLOCK = re.compile(  # 21:04, 21:04:05.123456789, 21.04, 21h04, and 21-04-05 in names of files
    r"(?<!\d)(\d{1,2})(?:\s?h\s?|([:.-]))(\d{2})(?:\2(\d{2})(?:[.,](\d{1,9}))?)?(?!\d)"
)
_FULL_HOUR = re.compile(r"(?<!\d)(\d{1,2})()()()()(?=\s?[ap]\.?\s?m\b)", re.IGNORECASE)  # 11pm
_OFFSET = re.compile(r"(?:\b(?:UTC|GMT)\s?|(?<=\s)|^)[+−-]\d{1,2}(?::?\d{2})?(?![\d-])")
_IANA = re.compile(r"\b[A-Za-z_]+(?:/[A-Za-z_]+(?:[+-]\d+)?)+")
_UTC = re.compile(r"\b(?:Z|UTC|GMT)\b", re.IGNORECASE)
_ABBREVIATION = re.compile(r"[A-Z][A-Za-z]{1,3}[A-Z]")


def read_time(text: str, zone: tzinfo) -> tuple[datetime | None, str]:
    """Return the time that a table's or a file's text gives, and the text where it cannot be read.

    An empty text, or one that stands for none, such as Moodle's "-", gives neither.
    """
    parsed = parse_time(text, zone)
    shown = " ".join(_INVISIBLE.sub("", text).split())
    is_unread = parsed is None and shown.casefold() not in _NO_TIME
    return parsed, shown[:_MAX_TEXT] if is_unread else ""


def read_value(value: object, zone: tzinfo) -> tuple[datetime | None, str]:
    """Return what ``read_time`` does for a value of a YAML file, which may be a time already."""
    if not isinstance(value, datetime):
        return read_time("" if value is None else str(value), zone)
    if value.year not in _YEARS:
        return None, str(value)
    return value.replace(tzinfo=zone) if value.tzinfo is None else value, ""


def parse_time(text: str, zone: tzinfo) -> datetime | None:
    """Return the time that a platform wrote, with its zone; in ``zone`` where it names none.

    Reads ISO 8601, the forms of nbgrader, Gradescope, Canvas and e-mail, and Moodle's long forms in the
    languages of ``time_words``. A date without a time of day is not read, nor is one without a year. In the
    hour that clocks repeat in autumn the earlier moment is meant, unless a zone says otherwise.
    """
    if len(text) > _MAX_TEXT:
        return None
    text = " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).split())
    text = _EAST_ASIAN.sub(r"\1-\2-\3 ", _COMPACT.sub(r"\1-\2-\3 \4:\5:\6", text))
    dates, rest = _numeric_dates(text)
    if not (clock := _CLOCK.search(rest) or _FULL_HOUR.search(rest)):
        return None
    tail, own_zone = _explicit_zone(rest[clock.end() :])
    rest = f"{rest[: clock.start()]} {tail}"
    for languages in vocabularies():
        moments = {each for language in languages for each in _moments(rest, dates, clock, language)}
        if moments:
            break
    else:
        return None
    moment, abbreviation = moments.pop()
    if moments or (own_zone and abbreviation):
        return None
    if abbreviation:
        own_zone = abbreviated_zone(abbreviation, moment.year, zone)
        return moment.replace(tzinfo=own_zone) if own_zone else None
    return moment.replace(tzinfo=own_zone or zone)


def _numeric_dates(text: str) -> tuple[frozenset[date] | None, str]:
    """Return the dates that a date in digits may mean, None where there is none, and the text without it.

    With points the day comes first, as everywhere in Unicode's tables; otherwise it may be 1 February or
    2 January.
    """
    if match := _YEAR_FIRST.search(text):
        year, _, month, day = match.groups()
        orders = [(year, month, day)]
    elif match := _YEAR_LAST.search(text):
        first, separator, second, year = match.groups()
        orders = [(year, second, first)]
        orders += [] if separator.startswith(".") else [(year, first, second)]
    else:
        return None, text
    dates = frozenset(found for order in orders if (found := _date(*map(int, order))))
    return dates, f"{text[: match.start()]} {text[match.end() :]}"


def _explicit_zone(tail: str) -> tuple[str, tzinfo | None]:
    """Return what follows the time of day without its zone, and the zone; an abbreviation is left for later.

    Beside an offset, what stands in brackets is the zone's long name: ``GMT+0100 (Central European …)``.
    """
    if match := _OFFSET.search(tail):
        zone, tail = fixed_offset(match[0]), re.sub(r"\([^)]*\)", " ", tail)
    elif match := _IANA.search(tail):
        zone = iana_zone(match[0])
    elif match := _UTC.search(tail):
        zone = fixed_offset(match[0])
    else:
        return tail, None
    return (tail.replace(match[0], " ", 1), zone) if zone else (tail, None)


def _moments(
    rest: str, dates: frozenset[date] | None, clock: re.Match[str], language: Vocabulary
) -> Iterator[tuple[datetime, str]]:
    """Yield what the text may mean in a language: date and time of day, and an abbreviated zone or ""."""
    tokens = split_words(rest)
    strange = [token for token in tokens if not language.knows(token.casefold())]
    if len(strange) > 1 or not all(map(_ABBREVIATION.fullmatch, strange)):
        return
    known = [token.casefold() for token in tokens if token not in strange]
    time = _time_of_day(clock, known, language)
    if time is None:
        return
    numbers = re.findall(r"\d+", rest)
    if dates is None:
        candidates = _dates_in_words(numbers, known, language)
    elif numbers:
        return
    else:
        candidates = [(day, known) for day in dates]
    for day, others in candidates:
        weekdays = [language.weekdays[word] for word in others if word in language.weekdays]
        if all(day.weekday() in each for each in weekdays):
            yield datetime(day.year, day.month, day.day) + time, "".join(strange)


def _dates_in_words(
    numbers: list[str], known: list[str], language: Vocabulary
) -> list[tuple[date, list[str]]]:
    """Return the dates that a year, a day and the name of a month may mean, each with the other words.

    A word may be both: "mar. 3 mar. 2026" is a Tuesday in March.
    """
    if sorted(len(number) > 2 for number in numbers) != [False, True] or len(max(numbers, key=len)) != 4:
        return []
    day, year = sorted(map(int, numbers))
    found = []
    for place, word in enumerate(known):
        others = [*known[:place], *known[place + 1 :]]
        if any(each in language.months and each not in language.weekdays for each in others):
            continue
        found += [(d, others) for month in language.months.get(word, ()) if (d := _date(year, month, day))]
    return found


def _time_of_day(clock: re.Match[str], known: list[str], language: Vocabulary) -> timedelta | None:
    hour, minute, second = (int(clock[number] or 0) for number in (1, 3, 4))
    is_before, is_after = (
        any(word in half for word in known) for half in (language.before_noon, language.after_noon)
    )
    if minute > 59 or second > 59 or hour > 24 or (hour == 24 and (minute or second)):
        return None
    if (is_before and is_after) or (is_before and hour > 12) or (is_after and not hour):
        return None
    if is_before or is_after:
        hour = hour % 12 + 12 * is_after if hour <= 12 else hour
    return timedelta(
        hours=hour, minutes=minute, seconds=second, microseconds=int((clock[5] or "").ljust(6, "0")[:6])
    )


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:
        return None
