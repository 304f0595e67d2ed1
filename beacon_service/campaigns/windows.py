"""From when on a cap counts. Rolling windows are exact durations; calendar ones follow the wall clock and its DST."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from beacon_service.campaigns.model import Window

# A rolling month is 30 days: a duration must not depend on the day on which it is asked.
DURATIONS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}


def rolling_since(window: Window, now: datetime) -> datetime:
    """What was decided after this instant counts; what was decided exactly at it no longer does."""
    return now - window.n * DURATIONS[window.unit]


def calendar_start(window: Window, now: datetime, time_zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the current calendar period began, `n - 1` periods earlier for more than one.

    On the day that clocks go back in Amsterdam a day lasts 25 hours: 2026-10-25 begins at 22:00 UTC of the 24th
    and ends at 23:00 UTC of the 25th.
    """
    local = now.astimezone(time_zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window.unit in {"minute", "hour"}:
        # Below a day, periods are real durations: wall-clock hours repeat when clocks go back.
        past = timedelta(minutes=local.minute * (window.unit == "hour"), seconds=local.second)
        start = now - past - timedelta(microseconds=local.microsecond)
        return start - (window.n - 1) * DURATIONS[window.unit]
    if window.unit == "month":
        months = midnight.year * 12 + midnight.month - 1 - (window.n - 1)
        return midnight.replace(year=months // 12, month=months % 12 + 1, day=1).astimezone(UTC)
    back = (window.n - 1) * (7 if window.unit == "week" else 1)
    back += (midnight.weekday() - window.week_start) % 7 if window.unit == "week" else 0
    return (midnight - timedelta(days=back)).astimezone(UTC)


def calendar_end(start_at: datetime, time_zone: ZoneInfo) -> datetime:
    """When the day that began then is over: 23 to 25 hours later."""
    local = start_at.astimezone(time_zone)
    return (local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1)).astimezone(
        UTC
    )
