"""What customers did elsewhere - bought, wrote, called - and what it comes to. Pure.

Each event is a row of its own; what a decision may ask of them all is summed up with the customer, per type: how many
there ever were, when the last one was, and how many on each of the last ninety days. Days are those of UTC: a customer
has no time zone of their own, and a count must not depend on where it is asked for.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

# A quarter: what was longer ago is counted in the total.
DAYS_KEPT = 90
# The summary is read with every decision about the customer.
MOST_TYPES = 50


class Happened(msgspec.Struct, frozen=True):
    """One event as it is reported."""

    event_id: str | None
    type: str
    at: datetime
    amount: Decimal | None = None
    currency: str | None = None
    items: tuple[dict[str, Any], ...] = ()
    decision_id: UUID | None = None


class EventCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the events of one type come to. `days`: how many on "2026-06-03", of the days that are kept."""

    total: int
    last_at: datetime
    days: dict[str, int] = {}


Events: TypeAlias = Mapping[str, EventCount]


def first_day(now: datetime, days: int) -> str:
    """The first of the last `days` days, today being the last: (2026-06-03, 1) -> "2026-06-03"."""
    return (now.date() - timedelta(days=days - 1)).isoformat()


def in_days(count: EventCount, days: int, now: datetime) -> int:
    """How many there were on the last `days` days, today included; at most DAYS_KEPT are known."""
    first = first_day(now, days)
    return sum(number for day, number in count.days.items() if day >= first)


def with_events(
    events: Events, happened: Iterable[tuple[str, datetime]], now: datetime
) -> dict[str, EventCount]:
    """The summary after more events, as (type, at); days too long ago at `now` are dropped from the types concerned."""
    found = dict(events)
    for kind, told_at in happened:
        at = told_at.astimezone(UTC)
        one = EventCount(1, at, {at.date().isoformat(): 1})
        found[kind] = _added(found[kind], one, now) if kind in found else _added(one, None, now)
    return found


def merged_events(named: Events, anonymous: Events, now: datetime) -> dict[str, EventCount]:
    """What both did, type by type."""
    return {
        kind: _added(named.get(kind) or anonymous[kind], anonymous.get(kind) if kind in named else None, now)
        for kind in sorted(named.keys() | anonymous.keys())
    }


def _added(one: EventCount, other: EventCount | None, now: datetime) -> EventCount:
    days = dict(one.days)
    for day, number in other.days.items() if other else ():
        days[day] = days.get(day, 0) + number
    first = first_day(now, DAYS_KEPT)
    kept = {day: days[day] for day in sorted(days) if day >= first}
    if other is None:
        return EventCount(one.total, one.last_at, kept)
    return EventCount(one.total + other.total, max(one.last_at, other.last_at), kept)
