"""Hours on a place's clocks: when a shop is open, when a campaign runs. Pure, and right when clocks change.

Each stretch is one span between two instants, so that it neither breaks off nor begins again where the wall clock
jumps. A time that the clock shows twice, or never, is the instant that RFC 5545 (3.3.5) takes it for: the first of
the two, and where it is left out, the time by the clock before the jump.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The end of a day, which no clock shows: the next day's midnight.
END_OF_DAY = "24:00"

# The clock of those who named none.
UTC_ZONE = ZoneInfo("UTC")
# What a recurrence rule may say beside its frequency, and how; dateutil takes more than it can count with.
_DAY_NAME = "(?:MO|TU|WE|TH|FR|SA|SU)"
_MONTH_DAY = r"-?(?:[1-9]|[12]\d|3[01])"
_EVERY = {
    "INTERVAL": r"[1-9]\d{0,2}",
    "COUNT": r"[1-9]\d{0,3}",
    "UNTIL": r"(?:19[7-9]\d|20\d\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
    "WKST": _DAY_NAME,
    "BYDAY": f"{_DAY_NAME}(?:,{_DAY_NAME}){{0,6}}",
}
_MONTHLY = {
    **_EVERY,
    "BYMONTH": r"(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2])){0,11}",
    "BYMONTHDAY": f"{_MONTH_DAY}(?:,{_MONTH_DAY}){{0,30}}",
    "BYSETPOS": _MONTH_DAY,
    "BYDAY": f"(?:-?[1-5])?{_DAY_NAME}(?:,(?:-?[1-5])?{_DAY_NAME}){{0,20}}",
}
PARTS_OF_RULES = {"DAILY": _EVERY, "WEEKLY": _EVERY, "MONTHLY": _MONTHLY, "YEARLY": _MONTHLY}

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """From `start` to just before `end` on each of the days."""

    days: frozenset[int]  # 0 is Monday
    start: time
    end: time  # at or before start: runs past midnight, and belongs to the day on which it began

    @classmethod
    def read(cls, days: Iterable[str], start: str, end: str) -> "WeeklyHours":
        """Of ("mon", ...), "09:00" and "17:30"; an end of "24:00" is midnight."""
        return cls(frozenset(DAYS.index(day) for day in days), *_clock_times(start, end))

    def cover(self, local: datetime) -> bool:
        """Whether the instant, given on the place's clocks, lies within.

        In Amsterdam, Sunday 02:30 to 04:00: on 2026-10-25, when the hour from two to three comes twice, from 02:30
        the first time on, 2.5 hours. On 2026-03-29, when it is left out, from 03:30 (02:30 by the clock before).
        """
        return _covered(self.begins_on, self.start, self.end, local)

    def begins_on(self, day: date) -> bool:
        return day.weekday() in self.days

    def end_of(self, local: datetime) -> datetime:
        """When the stretch that covers the instant ends, in UTC."""
        for day in (local.date(), local.date() - _DAY):
            if day.weekday() in self.days and _stretch_covers(day, self.start, self.end, local):
                return _instant(day if self.start < self.end else day + _DAY, self.end, local)
        raise ValueError("these hours do not cover that instant")


@dataclass(frozen=True, slots=True)
class RecurringHours:
    """The same on the days of a recurrence rule (RFC 5545): the first Saturday of each month, every second Friday."""

    rule: str  # FREQ=MONTHLY;BYDAY=1SA
    starts_on: date
    start: time
    end: time

    @classmethod
    def read(cls, rule: str, starts_on: date, start: str, end: str) -> "RecurringHours":
        return cls(rule, starts_on, *_clock_times(start, end))

    def cover(self, local: datetime) -> bool:
        return _covered(self.begins_on, self.start, self.end, local)

    def begins_on(self, day: date) -> bool:
        return recurs_on(self.rule, self.starts_on, day)


Hours: TypeAlias = WeeklyHours | RecurringHours


@lru_cache(maxsize=1024)
def zone_of(name: str | None) -> ZoneInfo | None:
    """The time zone that a phone names, if it is one that is known."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=4096)
def recurs_on(rule: str, starts_on: date, day: date) -> bool:
    """Whether the rule names that day; asked for today's again and again, and each time it counts from its start."""
    if day < starts_on:
        return False
    midnight = datetime.combine(day, time(0))
    return days_of(rule, starts_on).before(midnight, inc=True) == midnight


def days_of(rule: str, starts_on: date) -> rrule:
    """The days that a rule names, each as its midnight; ValueError where it is no such rule.

    Only parts that speak of days, and for each frequency those with which dateutil finds out soon that none comes.
    """
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    frequency = parts.pop("FREQ", "")
    if frequency not in PARTS_OF_RULES:
        raise ValueError(f"its FREQ is none of {', '.join(PARTS_OF_RULES)}")
    if surplus := sorted(parts.keys() - PARTS_OF_RULES[frequency].keys()):
        raise ValueError(f"{', '.join(surplus)} cannot be used with FREQ={frequency}")
    for name, value in parts.items():
        if not re.fullmatch(PARTS_OF_RULES[frequency][name], value):
            raise ValueError(f"its {name} cannot be {value}")
    found = rrulestr(rule, dtstart=datetime.combine(starts_on, time(0)))
    assert isinstance(found, rrule), "one rule"
    return found


def next_covered(hours: Sequence[Hours], local: datetime, *, within_days: int) -> datetime | None:
    """The first instant (UTC) from now on that one of the hours covers, on the clocks of `local`; None: not so soon."""
    now = local.astimezone(UTC)
    if any(part.cover(local) for part in hours):
        return now
    for ahead in range(within_days):
        day = local.date() + ahead * _DAY
        begun = [_instant(day, part.start, local) for part in hours if part.begins_on(day)]
        later = [at for at in begun if at > now]
        if later:
            return min(later)
    return None


def _clock_times(start: str, end: str) -> tuple[time, time]:
    until = time(0) if end == END_OF_DAY else time.fromisoformat(end)
    return time.fromisoformat(start), until


def _covered(on: Callable[[date], bool], start: time, end: time, local: datetime) -> bool:
    """Whether one of the stretches that begin today or began yesterday covers it."""
    today = local.date()
    return any(on(day) and _stretch_covers(day, start, end, local) for day in (today, today - _DAY))


def _stretch_covers(day: date, start: time, end: time, local: datetime) -> bool:
    last = day if start < end else day + _DAY
    # In UTC: times of one zone would be compared as the clock shows them.
    return _instant(day, start, local) <= local.astimezone(UTC) < _instant(last, end, local)


def _instant(day: date, at: time, local: datetime) -> datetime:
    return datetime.combine(day, at, tzinfo=local.tzinfo).astimezone(UTC)
