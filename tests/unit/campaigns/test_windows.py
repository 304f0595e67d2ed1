"""From when on a cap counts: on ordinary days and on those when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from beacon_service.campaigns.model import Window
from beacon_service.campaigns.windows import calendar_start, rolling_since


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def start(unit, now, zone="Europe/Amsterdam", n=1):
    """The period's beginning in UTC, as text without the zone."""
    begun = calendar_start(Window("calendar", n, unit), utc(now), ZoneInfo(zone))
    assert begun.utcoffset() == timedelta(0)
    return begun.replace(tzinfo=None).isoformat(" ", "minutes")


@pytest.mark.parametrize(
    ("n", "unit", "since"),
    [
        (5, "minute", "2026-06-03 11:55"),
        (2, "hour", "2026-06-03 10:00"),
        (1, "day", "2026-06-02 12:00"),
        (2, "week", "2026-05-20 12:00"),
        (1, "month", "2026-05-04 12:00"),
    ],
)
def test_a_rolling_window_is_a_duration_and_a_month_of_it_thirty_days(n, unit, since):
    assert rolling_since(Window("rolling", n, unit), utc("2026-06-03 12:00")) == utc(since)


def test_a_rolling_day_is_24_hours_though_clocks_change():
    assert rolling_since(Window("rolling", 1, "day"), utc("2026-10-25 12:00")) == utc("2026-10-24 12:00")


@pytest.mark.parametrize(
    ("unit", "begun"),
    [
        ("minute", "2026-06-03 12:34"),
        ("hour", "2026-06-03 12:00"),
        ("day", "2026-06-02 22:00"),
        ("week", "2026-05-31 22:00"),  # Monday the first of June
        ("month", "2026-05-31 22:00"),
    ],
)
def test_a_calendar_period_begins_on_the_local_clock(unit, begun):
    assert start(unit, "2026-06-03 12:34:56.789") == begun


@pytest.mark.parametrize(
    ("unit", "begun"),
    [
        ("minute", "2026-06-03 12:30"),
        ("hour", "2026-06-03 08:00"),
        ("day", "2026-05-29 22:00"),
        ("week", "2026-05-03 22:00"),
        ("month", "2026-01-31 23:00"),  # the first of February is winter time
    ],
)
def test_five_periods_are_this_one_and_the_four_before(unit, begun):
    assert start(unit, "2026-06-03 12:34:56", n=5) == begun


def test_one_minute_apart_over_midnight_are_two_days():
    assert start("day", "2026-06-03 21:59") == "2026-06-02 22:00"  # 23:59
    assert start("day", "2026-06-03 22:01") == "2026-06-03 22:00"  # 00:01


def test_midnight_itself_begins_the_new_day():
    assert start("day", "2026-06-03 21:59:59.999999") == "2026-06-02 22:00"
    assert start("day", "2026-06-03 22:00") == "2026-06-03 22:00"


def test_a_week_begins_on_monday_at_midnight():
    assert start("week", "2026-06-07 21:59") == "2026-05-31 22:00"  # Sunday night
    assert start("week", "2026-06-07 22:00") == "2026-06-07 22:00"
    assert start("week", "2026-01-01 12:00") == "2025-12-28 23:00"


def test_months_go_back_over_the_turn_of_the_year():
    assert start("month", "2026-02-15 12:00", n=3) == "2025-11-30 23:00"
    assert start("month", "2026-12-31 22:59") == "2026-11-30 23:00"
    assert start("month", "2026-12-31 23:00") == "2026-12-31 23:00"
    assert start("month", "2026-03-31 12:00", n=2) == "2026-01-31 23:00"  # February has no 31st


@pytest.mark.parametrize(
    ("at", "begun"),
    [
        ("2026-03-28 23:00", "2026-03-28 23:00"),  # midnight in winter time
        ("2026-03-29 00:59", "2026-03-28 23:00"),  # 01:59, the minute before clocks go forward
        ("2026-03-29 01:00", "2026-03-28 23:00"),  # 03:00
        ("2026-03-29 21:59", "2026-03-28 23:00"),  # 23:59, and the day was 23 hours long
        ("2026-03-29 22:00", "2026-03-29 22:00"),
    ],
)
def test_the_day_that_clocks_go_forward_has_23_hours(at, begun):
    assert start("day", at) == begun


@pytest.mark.parametrize(
    ("at", "begun"),
    [
        ("2026-10-24 21:59", "2026-10-23 22:00"),
        ("2026-10-24 22:00", "2026-10-24 22:00"),
        ("2026-10-25 00:30", "2026-10-24 22:00"),  # 02:30 the first time
        ("2026-10-25 01:30", "2026-10-24 22:00"),  # 02:30 the second time
        ("2026-10-25 22:59", "2026-10-24 22:00"),  # 23:59, and the day was 25 hours long
        ("2026-10-25 23:00", "2026-10-25 23:00"),
    ],
)
def test_the_day_that_clocks_go_back_has_25_hours(at, begun):
    assert start("day", at) == begun


def test_weeks_and_months_keep_their_midnights_over_a_change():
    assert start("week", "2026-10-27 12:00", n=2) == "2026-10-18 22:00"
    assert start("month", "2026-11-02 12:00", n=2) == "2026-09-30 22:00"


def test_hours_are_real_ones_the_repeated_hour_is_another_hour():
    assert start("hour", "2026-10-25 00:30") == "2026-10-25 00:00"
    assert start("hour", "2026-10-25 01:30") == "2026-10-25 01:00"
    assert start("hour", "2026-10-25 01:30", n=2) == "2026-10-25 00:00"


@pytest.mark.parametrize(
    ("zone", "at", "begun"),
    [
        # Clocks go forward at midnight, so that the day begins at 01:00 and the day before ends at 24:00.
        ("America/Sao_Paulo", "2018-11-04 02:59", "2018-11-03 03:00"),
        ("America/Sao_Paulo", "2018-11-04 03:00", "2018-11-04 03:00"),
        ("America/Sao_Paulo", "2018-11-04 12:00", "2018-11-04 03:00"),
        ("Africa/Cairo", "2026-04-23 21:59", "2026-04-22 22:00"),
        ("Africa/Cairo", "2026-04-24 12:00", "2026-04-23 22:00"),
        # Clocks go back at midnight: the last hour of the day before comes twice.
        ("America/Sao_Paulo", "2018-02-18 01:30", "2018-02-17 02:00"),
        ("America/Sao_Paulo", "2018-02-18 02:30", "2018-02-17 02:00"),
        ("America/Sao_Paulo", "2018-02-18 03:00", "2018-02-18 03:00"),
        ("Africa/Cairo", "2026-10-29 21:30", "2026-10-28 21:00"),
        ("Africa/Cairo", "2026-10-29 22:00", "2026-10-29 22:00"),
        # Clocks go back from one to midnight, which comes twice: the day begins with the first.
        ("America/Havana", "2026-11-01 04:30", "2026-11-01 04:00"),
        ("America/Havana", "2026-11-01 05:30", "2026-11-01 04:00"),
        # Half an hour of summer time.
        ("Australia/Lord_Howe", "2026-04-05 12:00", "2026-04-04 13:00"),
        ("Australia/Lord_Howe", "2026-04-05 13:30", "2026-04-05 13:30"),
        ("Australia/Lord_Howe", "2026-10-04 12:00", "2026-10-03 13:30"),
        # Not a whole number of hours from Greenwich.
        ("Asia/Kathmandu", "2026-06-03 18:14", "2026-06-02 18:15"),
        ("Asia/Kathmandu", "2026-06-03 18:15", "2026-06-03 18:15"),
    ],
)
def test_a_day_begins_with_its_first_instant_wherever_clocks_change(zone, at, begun):
    assert start("day", at, zone) == begun


def test_hours_of_kathmandu_begin_at_a_quarter_past():
    assert start("hour", "2026-06-03 12:14", "Asia/Kathmandu") == "2026-06-03 11:15"
    assert start("hour", "2026-06-03 12:15", "Asia/Kathmandu") == "2026-06-03 12:15"


@pytest.mark.parametrize(
    "zone", ["Europe/Amsterdam", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe"]
)
@pytest.mark.parametrize("unit", ["hour", "day", "week", "month"])
def test_beginnings_never_lie_ahead_and_never_go_back(zone, unit):
    begun = [
        (calendar_start(Window("calendar", 1, unit), now, ZoneInfo(zone)), now)
        for now in (utc("2026-01-01") + n * timedelta(minutes=433) for n in range(1300))
    ]
    assert all(since <= now for since, now in begun)
    assert [since for since, _ in begun] == sorted(since for since, _ in begun)
