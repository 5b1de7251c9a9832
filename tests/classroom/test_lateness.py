"""Days late by the wall clock, due dates with their zone, and the settings of the late rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grader.classroom.timing.deadlines import late_numbers, settle
from grader.classroom.timing.lateness import LateRule, due_text, parse_due
from grader.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
RULE = LateRule(due=DUE, per_day=10, grace=15, most=50)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kolkata",
    "UTC",
)

zones = st.sampled_from(ZONES).map(ZoneInfo)
walls = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1))


@pytest.mark.parametrize(
    ("late", "days"),
    [
        (timedelta(minutes=-1), 0),
        (timedelta(minutes=15), 0),
        (timedelta(minutes=15, seconds=1), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, seconds=1), 2),
        (timedelta(days=9), 9),
    ],
)
def test_each_day_begun_after_the_grace_period_counts(late: timedelta, days: int) -> None:
    assert RULE.days_late(DUE + late) == days


@pytest.mark.parametrize(
    ("due", "handed_in", "days"),
    [
        ("2026-10-24T23:59", "2026-10-25T23:30", 1),  # a day of 25 hours
        ("2026-10-24T23:59", "2026-10-25T23:59", 1),
        ("2026-10-24T23:59", "2026-10-26T00:00", 2),
        ("2026-03-28T23:59", "2026-03-29T23:59", 1),  # of 23 hours
        ("2026-03-28T23:59", "2026-03-30T00:00", 2),
        ("2026-03-28T02:30", "2026-03-29T03:30", 1),  # 02:30 does not exist on the 29th
        ("2026-10-24", "2026-10-25T23:59:59", 1),
        ("2026-10-24", "2026-10-26T00:00", 2),
    ],
)
def test_days_end_by_the_wall_clock_even_where_the_clocks_change(due: str, handed_in: str, days: int) -> None:
    rule = LateRule.from_settings({"due": due}, BERLIN)
    assert rule.days_late(datetime.fromisoformat(handed_in).replace(tzinfo=BERLIN)) == days
    assert rule.days_late(datetime.fromisoformat(handed_in).replace(tzinfo=BERLIN).astimezone(UTC)) == days


def test_half_an_hour_late_is_late_even_if_the_clock_was_set_back_meanwhile() -> None:
    rule = LateRule(due=datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN))  # the first of two
    assert rule.days_late(datetime(2026, 10, 25, 2, 0, tzinfo=BERLIN, fold=1)) == 1


@given(zone=zones, due=walls, days=st.integers(1, 400), within=st.integers(1, 24 * 3600))
def test_handing_in_within_day_n_by_the_wall_clock_costs_n_days(
    zone: ZoneInfo, due: datetime, days: int, within: int
) -> None:
    """However long that day is; within two hours of a change of clocks the wall clock can be read twice."""
    handed_in = due + timedelta(days=days - 1, seconds=within)
    ends = (due, due + timedelta(days=days - 1), due + timedelta(days=days), handed_in)
    assume(not any(_clocks_change(moment, zone) for moment in ends))
    rule = LateRule(due=due.replace(tzinfo=zone))
    assert rule.days_late(handed_in.replace(tzinfo=zone).astimezone(UTC)) == days


def _clocks_change(wall: datetime, zone: ZoneInfo) -> bool:
    around = (wall + timedelta(hours=hours) for hours in (-2, 0, 2))
    return len({moment.replace(tzinfo=zone).utcoffset() for moment in around}) > 1


@given(zone=zones, due=walls, first=st.integers(-3600, 40 * 86400), more=st.integers(0, 90000))
def test_handing_in_later_never_costs_fewer_days(
    zone: ZoneInfo, due: datetime, first: int, more: int
) -> None:
    rule = LateRule(due=due.replace(tzinfo=zone))
    start = rule.due.astimezone(UTC)
    earlier, later = (rule.days_late(start + timedelta(seconds=s)) for s in (first, first + more))
    assert earlier <= later
    assert (earlier > 0) == (first > 0)
    assert earlier <= max(first, 0) // 82800 + 1  # no day has fewer than 23 hours


def test_a_bare_date_lasts_until_its_end_in_the_courses_zone() -> None:
    due = parse_due("2026-03-01", BERLIN)
    assert due_text(due) == "end of 2026-03-01 (Europe/Berlin, UTC+01:00)"
    rule = LateRule(due=due)
    assert rule.days_late(datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=BERLIN)) == 0
    assert rule.days_late(datetime(2026, 3, 2, tzinfo=BERLIN)) == 1
    assert parse_due(date(2026, 3, 1), BERLIN) == due  # as TOML has it


def test_a_due_date_keeps_its_moment_and_counts_days_in_the_courses_zone() -> None:
    due = parse_due("2026-03-01 23:59 UTC", BERLIN)
    assert due == DUE
    assert due_text(due) == "2026-03-02 00:59 (Europe/Berlin, UTC+01:00)"
    assert parse_due(datetime(2026, 3, 1, 23, 59), BERLIN).utcoffset() == timedelta(hours=1)
    assert due_text(parse_due("2026-03-01T23:59:30", BERLIN)).startswith("2026-03-01 23:59:30 ")


@pytest.mark.parametrize("text", ["soon", "x", "", "01/02/2026", "2026-02-30", "01/02/2026 10:00"])
def test_a_due_date_in_doubt_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"a due date looks like 2026-03-01T23:59, or 2026-03-01 for the end"
    ):
        parse_due(text, BERLIN)


def test_a_rule_is_read_from_settings_and_written_as_it_was() -> None:
    rule = LateRule.from_settings(
        {"due": "2026-03-01T23:59+00:00", "per_day": "10", "grace": 15, "most": 50}, UTC
    )
    assert rule == RULE
    written = {"due": "2026-03-01T23:59:00+00:00", "per_day": 10, "grace": 15, "most": 50, "timezone": "UTC"}
    assert rule.as_json() == written
    assert LateRule.from_settings(written) == rule
    berlin = LateRule.from_settings({"due": "2026-03-01", "timezone": "Europe/Berlin"})
    assert LateRule.from_settings(berlin.as_json()) == berlin
    assert berlin.due.tzinfo is BERLIN
    east = LateRule(due=datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=9))))
    assert LateRule.from_settings(east.as_json()).due.utcoffset() == timedelta(hours=9)


def test_a_rule_of_an_old_gradebook_has_no_zone_and_is_read() -> None:
    rule = LateRule.from_settings(
        {"due": "2026-03-01T23:59:00+00:00", "per_day": 10, "grace": 15, "most": 50}
    )
    assert rule == RULE


@pytest.mark.parametrize("limits", [{"per_day": 0, "most": 0}, {"per_day": 100, "most": 100, "grace": 0}])
def test_percentages_include_both_ends(limits: dict[str, float]) -> None:
    assert LateRule.from_settings({"due": DUE, **limits}).penalty_percent(2) == limits["most"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "the late rule needs a due date, such as --due 2026-03-01T23:59"),
        ({"due": "soon"}, "a due date looks like"),
        ({"due": DUE, "grace": "long"}, "the numbers of the late rule must be numbers"),
        ({"due": DUE, "timezone": "Mars"}, "there is no time zone named 'Mars'"),
        (
            {"due": DUE, "per_day": -1},
            "^the late rule takes percentages from 0 to 100, and the grace period in minutes$",
        ),
        ({"due": DUE, "per_day": 101}, "the late rule takes percentages"),
        ({"due": DUE, "most": -1}, "the late rule takes percentages"),
        ({"due": DUE, "most": 101}, "the late rule takes percentages"),
        ({"due": DUE, "most": float("nan")}, "the late rule takes percentages"),
        ({"due": DUE, "grace": -1}, "the grace period in minutes"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        LateRule.from_settings(settings)


@pytest.mark.parametrize("text", ["x", "", "10,", "10,15,50,1", "ten", "10;15", "inf", "10,nan"])
def test_a_penalty_that_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"--late takes up to three numbers: percent per day, minutes of grace"
    ):
        late_numbers(text)
    assert late_numbers("10, 15") == {"per_day": "10", "grace": "15"}


def test_the_command_line_decides_then_an_earlier_one_then_the_rubric() -> None:
    rubric = {"late": {"due": "2026-03-01", "per_day": 5, "timezone": "Asia/Tokyo"}}
    first = settle({}, rubric, {})
    assert first.sentence == "due end of 2026-03-01 (Asia/Tokyo, UTC+09:00)"
    given = settle({"due": "2026-03-08", "timezone": "Europe/Berlin"}, rubric, first.settings())
    assert given.sentence == "due end of 2026-03-08 (Europe/Berlin, UTC+01:00)"
    later = settle({}, rubric, given.settings())
    assert later.rule == given.rule
    assert later.rule is not None
    assert later.rule.per_day == 5
    numbers = settle({"per_day": "20"}, {}, later.settings())
    assert numbers.rule is not None
    assert (numbers.rule.per_day, numbers.rule.due) == (20, given.rule.due if given.rule else None)


def test_a_new_zone_moves_a_due_date_that_was_given_without_one() -> None:
    kept = settle({"due": "2026-03-01T12:00", "timezone": "UTC"}, {}, {}).settings()
    moved = settle({"timezone": "Asia/Tokyo"}, {}, kept)
    assert moved.sentence == "due 2026-03-01 12:00 (Asia/Tokyo, UTC+09:00)"


def test_a_changed_rubric_counts_where_no_command_line_said_otherwise() -> None:
    kept = settle({}, {"late": {"due": "2026-03-01", "grace": 15, "timezone": "UTC"}}, {}).settings()
    rule = settle({}, {"late": {"due": "2026-03-02", "timezone": "UTC"}}, kept).rule
    assert rule is not None
    assert (rule.due.day, rule.grace) == (2, 0)
    assert settle({}, {}, kept).rule is not None  # without any due date, the last run's holds


def test_the_zone_of_the_first_run_holds_on_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    kept = settle({"due": "2026-03-01"}, {}, {}).settings()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert settle({}, {}, kept).sentence == "due end of 2026-03-01 (America/New_York, UTC-05:00)"
    assert settle({}, {}, settle({}, {}, {}).settings()).sentence.startswith(
        "no due date; times without a zone"
    )


def test_a_rule_without_any_due_date_is_refused() -> None:
    with pytest.raises(UsageError, match="--late needs a due date"):
        settle({"per_day": "10"}, {}, {})
