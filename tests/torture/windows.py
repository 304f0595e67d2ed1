"""Which stretch of time a cap counts over, worked out a second time from its definition alone.

A stretch is half open, [start, end): a rolling window looks back from the decision and leaves its far edge out, so
what was decided exactly a day before is forgotten; a calendar one is the local day, week or month that holds the
decision, whatever its length in hours. On 25 October 2026 the day in Berlin has 25 of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

STEP = timedelta(microseconds=1)
FOREVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
LENGTHS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}


class Window(NamedTuple):
    kind: str
    n: int = 1
    unit: str = "day"
    week_start: int = 0  # Monday


class UnjudgedError(Exception):
    """What the tables do not tell: when a visit began, or what a customer's clocks said."""


def stretch(window: Window, at: datetime, time_zone: str) -> tuple[datetime, datetime]:
    """From when (included) to when (left out) grants count with one that was decided at `at`."""
    kind, n, unit, week_start = window
    if kind == "lifetime":
        return FOREVER
    if kind == "rolling":
        # No upper edge: a grant made under the same lock a moment earlier may bear a slightly later clock.
        return at - LENGTHS[unit] * n + STEP, FOREVER[1]
    if kind == "calendar":
        start, end = _period(at, unit, ZoneInfo(time_zone), week_start)
        for _ in range(n - 1):
            # Several periods at once: the current one and those before it.
            start = _period(start - STEP, unit, ZoneInfo(time_zone), week_start)[0]
        return start, end
    raise UnjudgedError(f"a window {kind} of {n} {unit}")


def _period(at: datetime, unit: str, zone: ZoneInfo, week_start: int) -> tuple[datetime, datetime]:
    local = at.astimezone(zone)
    if unit in {"minute", "hour"}:
        # By elapsed time, not by the wall: the hour that a change of clocks repeats is two hours.
        into = timedelta(minutes=local.minute if unit == "hour" else 0, seconds=local.second)
        start = at - into - timedelta(microseconds=local.microsecond)
        return start, start + LENGTHS[unit]
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None)
    if unit == "week":
        midnight -= timedelta(days=(midnight.weekday() - week_start) % 7)
    if unit == "month":
        midnight = midnight.replace(day=1)
    following = (
        (midnight + timedelta(days=32)).replace(day=1) if unit == "month" else midnight + LENGTHS[unit]
    )
    return _instant(midnight, zone), _instant(following, zone)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
