"""When weekly hours run: on ordinary days and on those when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from beacon_service.hours import RecurringHours, WeeklyHours, days_of, next_covered, recurs_on

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
EVERY_DAY = frozenset(range(7))
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(hours, text):
    return hours.cover(utc(text).astimezone(AMSTERDAM))


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM)


def test_hours_run_from_their_start_to_just_before_their_end():
    morning = WeeklyHours(EVERY_DAY, time(9), time(11, 30))
    assert not morning.cover(local("2026-06-03 08:59:59.999999"))
    assert morning.cover(local("2026-06-03 09:00"))
    assert morning.cover(local("2026-06-03 11:29:59.999999"))
    assert not morning.cover(local("2026-06-03 11:30"))


def test_hours_run_on_their_days_only():
    friday = WeeklyHours(frozenset({FRIDAY}), time(9), time(12))
    assert friday.cover(local("2026-06-05 10:00"))
    assert not friday.cover(local("2026-06-06 10:00"))


def test_past_midnight_they_belong_to_the_day_on_which_they_began():
    friday_night = WeeklyHours(frozenset({FRIDAY}), time(22), time(2))
    assert not friday_night.cover(local("2026-06-05 01:00"))  # the night from Thursday
    assert not friday_night.cover(local("2026-06-05 21:59"))
    assert friday_night.cover(local("2026-06-05 22:00"))
    assert friday_night.cover(local("2026-06-06 01:59"))
    assert not friday_night.cover(local("2026-06-06 02:00"))
    assert not friday_night.cover(local("2026-06-06 23:00"))


def test_past_midnight_of_sunday_is_a_monday():
    sunday_night = WeeklyHours(frozenset({SUNDAY}), time(22), time(2))
    assert sunday_night.cover(local("2026-06-08 01:00"))
    assert not WeeklyHours(frozenset({MONDAY}), time(22), time(2)).cover(local("2026-06-08 01:00"))


def test_until_midnight_ends_with_the_day():
    evening = WeeklyHours(frozenset({FRIDAY}), time(18), time(0))
    assert evening.cover(local("2026-06-05 23:59:59"))
    assert not evening.cover(local("2026-06-06 00:00"))


def test_from_nine_to_nine_runs_round_the_clock():
    round_the_clock = WeeklyHours(frozenset({FRIDAY}), time(9), time(9))
    assert not round_the_clock.cover(local("2026-06-05 08:59"))
    assert round_the_clock.cover(local("2026-06-05 09:00"))
    assert round_the_clock.cover(local("2026-06-06 08:59"))
    assert not round_the_clock.cover(local("2026-06-06 09:00"))


def test_when_clocks_go_back_the_repeated_hour_runs_twice():
    night = WeeklyHours(EVERY_DAY, time(2), time(3))
    assert not runs(night, "2026-10-24 23:59")  # 01:59
    for minute in ("00:00", "00:59", "01:00", "01:59"):  # 02:00, 02:59, 02:00, 02:59
        assert runs(night, f"2026-10-25 {minute}")
    assert not runs(night, "2026-10-25 02:00")  # 03:00


def test_when_clocks_go_forward_the_hour_that_is_missing_does_not_run():
    night = WeeklyHours(EVERY_DAY, time(2), time(3))
    quarters = [utc("2026-03-28 23:00") + n * timedelta(minutes=15) for n in range(16)]
    assert not any(night.cover(at.astimezone(AMSTERDAM)) for at in quarters)


def test_hours_are_read_from_words():
    assert WeeklyHours.read(["fri", "sat"], "09:00", "17:30") == WeeklyHours(
        frozenset({FRIDAY, SATURDAY}), time(9), time(17, 30)
    )


def test_until_24_is_until_midnight():
    whole_day = WeeklyHours.read(["fri"], "00:00", "24:00")
    assert not whole_day.cover(local("2026-06-04 23:59:59"))
    assert whole_day.cover(local("2026-06-05 00:00"))
    assert whole_day.cover(local("2026-06-05 23:59:59.999999"))
    assert not whole_day.cover(local("2026-06-06 00:00"))


@pytest.mark.parametrize(
    ("day", "start", "end", "since", "until"),
    [
        # Clocks go back at 01:00 UTC of the 25th: what runs through has an hour more, and breaks off nowhere.
        ("sat", "22:00", "04:00", "2026-10-24 20:00", "2026-10-25 03:00"),
        ("sun", "00:00", "24:00", "2026-10-24 22:00", "2026-10-25 23:00"),
        ("sun", "09:00", "21:00", "2026-10-25 08:00", "2026-10-25 20:00"),
        # Half past two comes twice, and is taken for the first.
        ("sun", "02:30", "04:00", "2026-10-25 00:30", "2026-10-25 03:00"),
        ("sat", "22:00", "02:30", "2026-10-24 20:00", "2026-10-25 00:30"),
        # Clocks go forward at 01:00 UTC of the 29th: an hour less.
        ("sat", "22:00", "04:00", "2026-03-28 21:00", "2026-03-29 02:00"),
        ("sun", "00:00", "24:00", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("sun", "09:00", "21:00", "2026-03-29 07:00", "2026-03-29 19:00"),
        # Half past two never comes, and is taken for half past three, as if clocks had not gone forward.
        ("sun", "02:30", "04:00", "2026-03-29 01:30", "2026-03-29 02:00"),
        ("sat", "22:00", "02:30", "2026-03-28 21:00", "2026-03-29 01:30"),
    ],
)
def test_a_stretch_is_one_span_though_clocks_change_within(day, start, end, since, until):
    hours = WeeklyHours.read([day], start, end)
    minutes = [utc(since) + n * timedelta(minutes=1) for n in range(-180, 1800)]

    covered = [at for at in minutes if hours.cover(at.astimezone(AMSTERDAM))]

    assert covered == [at for at in minutes if utc(since) <= at < utc(until)]


@pytest.mark.parametrize(
    ("zone", "day", "since", "until"),
    [
        # Clocks change at midnight itself: the day begins at 01:00, or its last hour comes twice.
        ("America/Sao_Paulo", "sun", "2018-11-04 03:00", "2018-11-05 02:00"),
        ("America/Sao_Paulo", "sat", "2018-11-03 03:00", "2018-11-04 03:00"),
        ("America/Sao_Paulo", "sat", "2018-02-17 02:00", "2018-02-18 03:00"),
        # From one back to midnight, which comes twice.
        ("America/Havana", "sun", "2026-11-01 04:00", "2026-11-02 05:00"),
        ("Australia/Lord_Howe", "sun", "2026-04-04 13:00", "2026-04-05 13:30"),
        ("Asia/Kathmandu", "wed", "2026-06-02 18:15", "2026-06-03 18:15"),
    ],
)
def test_a_whole_day_lasts_from_midnight_to_midnight_wherever_clocks_change(zone, day, since, until):
    hours = WeeklyHours.read([day], "00:00", "24:00")
    quarters = [utc(since) + n * timedelta(minutes=15) for n in range(-8, 112)]

    covered = [at for at in quarters if hours.cover(at.astimezone(ZoneInfo(zone)))]

    assert covered == [at for at in quarters if utc(since) <= at < utc(until)]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=MONTHLY;BYDAY=1SA", ["2026-01-03", "2026-02-07", "2026-03-07"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR", ["2026-01-02", "2026-01-16", "2026-01-30"]),
        ("FREQ=DAILY;COUNT=2", ["2026-01-01", "2026-01-02"]),
        ("FREQ=DAILY;UNTIL=20260102", ["2026-01-01", "2026-01-02"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4FR", ["2026-11-27"]),
    ],
)
def test_a_rule_names_days_from_its_start_on(rule, days):
    asked = [date(2025, 12, 1) + timedelta(days=n) for n in range(400)]
    named = [day.isoformat() for day in asked if recurs_on(rule, date(2026, 1, 1), day)]
    assert named[: len(days)] == days
    assert len(named) == len(days) or len(days) == 3


@pytest.mark.parametrize(
    "rule",
    ["FREQ=HOURLY", "FREQ=DAILY;BYMONTHDAY=30", "FREQ=DAILY;BYHOUR=3", "RRULE:FREQ=DAILY", "often", "FREQ=DAILY\nX:1",
     "FREQ=DAILY;UNTIL=20260105T000000Z", "FREQ=WEEKLY;BYDAY=XX", "FREQ=DAILY;INTERVAL=often"],
)  # fmt: skip
def test_what_is_no_rule_of_days_is_refused(rule):
    with pytest.raises(ValueError):
        days_of(rule, date(2026, 1, 1))


def test_recurring_hours_run_on_their_days_and_past_midnight():
    night = RecurringHours.read("FREQ=MONTHLY;BYDAY=1SA", date(2026, 1, 1), "22:00", "02:00")
    assert night.cover(local("2026-02-07 23:00"))
    assert night.cover(local("2026-02-08 01:59"))
    assert not night.cover(local("2026-02-08 02:00"))
    assert not night.cover(local("2026-02-14 23:00"))


@pytest.mark.parametrize(
    "rule",
    ["FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=MONTHLY;BYDAY=9MO,1SA", "FREQ=YEARLY;BYDAY=99MO",
     "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTH=13", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=DAILY;UNTIL=00010101",
     "FREQ=DAILY;COUNT=0", "FREQ=DAILY;INTERVAL=99999"],
)  # fmt: skip
def test_what_dateutil_would_count_for_ever_is_refused(rule):
    with pytest.raises(ValueError):
        days_of(rule, date(2026, 1, 1))


def test_the_next_stretch_is_now_or_when_the_first_of_them_begins():
    evening = WeeklyHours.read(["tue"], "17:00", "20:00")
    monthly = RecurringHours.read("FREQ=MONTHLY;BYDAY=1SA", date(2026, 1, 1), "10:00", "12:00")
    wednesday = local("2026-06-10 12:00")
    assert next_covered([evening], wednesday, within_days=30) == utc("2026-06-16 15:00")
    assert next_covered([evening, monthly], local("2026-07-01 12:00"), within_days=30) == utc(
        "2026-07-04 08:00"
    )
    assert next_covered([evening], local("2026-06-16 18:00"), within_days=30) == utc("2026-06-16 16:00")
    assert next_covered([monthly], wednesday, within_days=20) is None
    assert next_covered(
        [WeeklyHours.read(["sun"], "02:30", "04:00")], local("2026-03-28 12:00"), within_days=3
    ) == utc(
        "2026-03-29 01:30"  # left out: by the clock before
    )
