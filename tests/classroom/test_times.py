"""Times as learning platforms write them: read exactly, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_datetime
from hypothesis import example, given
from hypothesis import strategies as st

from grader.classroom.timing.time_words import vocabularies
from grader.classroom.timing.times import parse_time, read_time
from grader.classroom.timing.zones import find_zone, local_zone, zone_name
from grader.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
TEN = datetime(2026, 3, 3, 10, tzinfo=UTC)
# Moodle's long form (its language packs' strftimedaydatetime) as patterns of CLDR.
MOODLE = {
    "en": "EEEE, d MMMM y, h:mm a",
    "en_US": "EEEE, MMMM d, y, h:mm a",
    "en_GB": "EEEE, d MMMM y, HH:mm",
    "de": "EEEE, d. MMMM y, HH:mm",
    "fr": "EEEE d MMMM y, HH:mm",
    "es": "EEEE, d 'de' MMMM 'de' y, HH:mm",
    "it": "EEEE, d MMMM y, HH:mm",
    "nl": "EEEE, d MMMM y, HH:mm",
    "pt_BR": "EEEE, d MMM y, HH:mm",
    "pt_PT": "EEEE, d 'de' MMMM 'de' y 'às' HH:mm",
    "pl": "EEEE, d MMMM y, HH:mm",
    "cs": "EEEE, d. LLLL y, HH.mm",
    "sv": "EEEE, d MMMM y, HH:mm",
    "fi": "EEEE, d. MMMM y, HH.mm",
    "hu": "y. MMMM d., EEEE, HH:mm",
    "tr": "d MMMM y, EEEE, HH:mm",
    "ru": "EEEE, d MMMM y, HH:mm",
    "uk": "EEEE, d MMMM y, HH:mm",
    "el": "EEEE, d MMMM y, h:mm a",
    "ja": "y年 MM月 d日(EEEE) HH:mm",
    "zh": "y年MM月d日 EEEE HH:mm",
    "ko": "y년 M월 d일 EEEE a h:mm",
    "ar": "EEEE، d MMMM y، h:mm a",
}
OTHER_FORMS = ("d MMM y HH:mm:ss", "MMM d, y h:mm a", "EEE d MMM y HH:mm", "EEEE d. MMMM y 'um' H.mm")

times = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1)).map(lambda time: time.replace(microsecond=0))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-03 10:00:00.000000 UTC",  # nbgrader
        "2026-03-03 11:00:00.000000 CET",
        "2026-03-03 12:00:00 CEST",
        "2026-03-03 11:00:00 MEZ",
        "Dienstag, 3. März 2026, 12:00 MESZ",
        "2026-03-03 05:00:00.000000 EST",
        "2026-03-03 03:00:00 MST",
        "2026-03-03 03:00:00 PDT",
        "2026-03-03 10:00:00 GMT",
        "2026-03-03 11:00:00.000000 Europe/Berlin",
        "2026-03-03 11:00:00.000000 +0100",
        "2026-03-03 11:00:00.000000",  # the course's own zone
        "\ufeff2026-03-03 10:00:00.000000 UTC\r\n",
        "2026-03-03 10-00-00 UTC",
        "2026-03-03 10:00:00.000000000 Z",  # Gradescope
        "2026-03-03 03:00:00 -0700",
        "2026-03-03T10:00:00Z",  # Canvas, GitHub
        "20260303T100000Z",
        "2026-03-03T15:30:00+05:30",
        "Mar 3, 2026 at 11:00am",
        "Mar 3, 2026 at 11am",
        "3/3/2026 11:00",
        "03.03.2026, 11:00 Uhr",
        "Tuesday, 3 March 2026, 11:00\u202fAM",  # Moodle
        "Tuesday, 3 March 2026, 11:00 am",
        "Tuesday, 3 March 2026, 11:00",
        "Tuesday, March 3, 2026, 11:00 AM",
        "Dienstag, 3. März 2026, 11:00",
        "mardi 3 mars 2026, 11:00",
        "martes, 3 de marzo de 2026, 11:00",
        "martedì, 3 marzo 2026, 11:00",
        "dinsdag, 3 maart 2026, 11:00",
        "terça-feira, 3 de março de 2026 às 11:00",
        "mar. 3 mar. 2026, 11:00",  # a Tuesday in March, as Spanish shortens both
        "Tue, 03 Mar 2026 11:00:00 +0100",  # e-mail
        "Tue Mar  3 11:00:00 CET 2026",
        "Tue Mar 03 2026 11:00:00 GMT+0100 (Central European Standard Time)",
    ],
)
def test_every_form_that_platforms_write_is_read(text: str) -> None:
    parsed = parse_time(text, BERLIN)
    assert parsed is not None
    assert parsed.astimezone(UTC) == TEN
    assert read_time(text, BERLIN) == (parsed, "")


@pytest.mark.parametrize(
    "text",
    [
        "01/02/2026 10:00",  # January or February
        "3/1/26 9:00 PM",
        "2026-03-03 10:00 CST",  # Chicago, Havana or Shanghai
        "2026-03-03 10:00 IST",  # Dublin, Jerusalem or Kolkata
        "2026-03-03 10:00 XYZ",
        "2026-03-03 10:00 Mars/Base",
        "3 listopada 2026, 10:00",  # October in Croatian, November in Polish
        "Wednesday, 3 March 2026, 10:00",  # was a Tuesday
        "2026-02-30 10:00",
        "2026-03-03 25:00",
        "2026-03-03 13:00 AM",
        "2026-03-03",  # at which hour?
        "Mar 3 at 11:59pm",  # of which year?
        "before Tuesday, 3 March 2026, 10:00",
        "2026-03-03 10:00 to 11:00",
        "9999-12-31 24:00",
        "soon",
        "1772532000",
    ],
)
def test_what_could_mean_two_moments_or_none_is_unknown_and_kept_as_text(text: str) -> None:
    assert read_time(f" {text}\n", BERLIN) == (None, text)


@pytest.mark.parametrize("text", ["", " ", "-", "–", "N/A", "\ufeff"])
def test_a_platform_that_gives_no_time_leaves_nothing_to_read(text: str) -> None:
    assert read_time(text, BERLIN) == (None, "")


def test_an_abbreviation_of_the_course_means_the_course() -> None:
    chicago, shanghai = ZoneInfo("America/Chicago"), ZoneInfo("Asia/Shanghai")
    winter = "2026-01-03 10:00:00 CST"
    assert [str(parse_time(winter, zone)) for zone in (chicago, shanghai)] == [
        "2026-01-03 10:00:00-06:00",
        "2026-01-03 10:00:00+08:00",
    ]
    assert str(parse_time("2026-07-03 10:00 CST", chicago)) == "2026-07-03 10:00:00-06:00"


def test_in_the_hour_that_repeats_the_zone_decides_and_else_the_earlier_moment() -> None:
    texts = ("2026-10-25 02:30 CET", "2026-10-25 02:30 CEST", "2026-10-25 02:30")
    read = [parse_time(text, BERLIN) for text in texts]
    assert [time.astimezone(UTC).hour for time in read if time] == [1, 0, 0]


@given(st.text(max_size=60) | st.text("0123456789:.-/ TZaApPmM+", max_size=40))
@example("9999-12-31 24:00 UTC")
def test_no_text_makes_the_reader_fail(text: str) -> None:
    parsed, unread = read_time(text, BERLIN)
    assert not (parsed and unread)


@pytest.mark.parametrize("language", MOODLE)
@given(time=times)
def test_moodles_long_form_is_read_in_every_language(language: str, time: datetime) -> None:
    minute = time.replace(second=0)
    text = format_datetime(minute, MOODLE[language], locale=language)
    assert parse_time(text, UTC) == minute.replace(tzinfo=UTC), text


@given(
    time=times,
    language=st.sampled_from([*MOODLE, "hr", "sr", "fa", "he", "lv"]),
    form=st.sampled_from(OTHER_FORMS),
)
def test_a_date_in_words_is_read_right_or_not_at_all(time: datetime, language: str, form: str) -> None:
    text = format_datetime(time, form, locale=language)
    parsed = parse_time(text, UTC)
    assert parsed is None or abs(parsed - time.replace(tzinfo=UTC)) < timedelta(minutes=1), text


@given(
    time=times, zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kolkata"])
)
def test_iso_times_of_any_zone_round_trip(time: datetime, zone: str) -> None:
    aware = time.replace(tzinfo=ZoneInfo(zone))
    for text in (
        aware.isoformat(),
        f"{time.isoformat(sep=' ')} {zone}",
        f"{time:%Y-%m-%d %H:%M:%S} {aware:%z}",
    ):
        parsed = parse_time(text, BERLIN)
        assert parsed is not None
        assert parsed.utctimetuple() == aware.utctimetuple(), text


def test_english_names_of_months_mean_the_same_month_in_every_language() -> None:
    """So that an English text can be read without the other languages."""
    english, others = vocabularies()
    for name, months in english[0].months.items():
        assert all(other.months.get(name, months) == months for other in others), name


@pytest.mark.parametrize("name", ["Mars/Base", "CET", "Berlin", "", "../etc/passwd", "Europe", "+25:00"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(
        UsageError, match=r"there is no time zone named .*; give a name such as Europe/Berlin"
    ):
        find_zone(name)


def test_a_zone_is_named_with_its_offset_of_the_day() -> None:
    assert zone_name(datetime(2026, 3, 1, tzinfo=BERLIN)) == "Europe/Berlin, UTC+01:00"
    assert zone_name(datetime(2026, 7, 1, tzinfo=find_zone("Europe/Berlin"))) == "Europe/Berlin, UTC+02:00"
    assert zone_name(datetime(2026, 7, 1, tzinfo=find_zone("-07:30"))) == "UTC-07:30"
    assert zone_name(datetime(2026, 7, 1, tzinfo=UTC)) == "UTC"


def test_the_machines_own_zone_changes_its_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    zone = local_zone()
    offsets = {datetime(2026, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)}
    assert offsets == {timedelta(hours=-5), timedelta(hours=-4)}
