"""Hours of the week on a place's clocks: when a shop is open, when a campaign runs. Pure, and right when clocks change.

Each stretch is one span between two instants, so that it neither breaks off nor begins again where the wall clock
jumps. A time that the clock shows twice, or never, is the instant that RFC 5545 (3.3.5) takes it for: the first of
the two, and where it is left out, the time by the clock before the jump.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The end of a day, which no clock shows: the next day's midnight.
END_OF_DAY = "24:00"

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
        until = time(0) if end == END_OF_DAY else time.fromisoformat(end)
        return cls(frozenset(DAYS.index(day) for day in days), time.fromisoformat(start), until)

    def cover(self, local: datetime) -> bool:
        """Whether the instant, given on the place's clocks, lies within.

        In Amsterdam, Sunday 02:30 to 04:00: on 2026-10-25, when the hour from two to three comes twice, from 02:30
        the first time on, 2.5 hours. On 2026-03-29, when it is left out, from 03:30 (02:30 by the clock before).
        """
        today = local.date()
        return self._span_covers(today, local) or self._span_covers(today - _DAY, local)

    def _span_covers(self, day: date, local: datetime) -> bool:
        if day.weekday() not in self.days:
            return False
        last = day if self.start < self.end else day + _DAY
        # In UTC: times of one zone would be compared as the clock shows them.
        return _instant(day, self.start, local) <= local.astimezone(UTC) < _instant(last, self.end, local)


def _instant(day: date, at: time, local: datetime) -> datetime:
    return datetime.combine(day, at, tzinfo=local.tzinfo).astimezone(UTC)
