"""What speaks against publishing a campaign, whatever else the configuration holds: a plan that could never come true.

Only what is certain is told; a campaign that is merely unlikely to reach anybody is the marketer's affair.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

from beacon_service.campaigns.building import campaign_of
from beacon_service.campaigns.model import Blackout, Cap, Window
from beacon_service.campaigns.windows import DURATIONS
from beacon_service.configuration.model import Body
from beacon_service.configuration.schema import Flaw
from beacon_service.hours import Hours, WeeklyHours, days_of

# Where a campaign has no end: a rule that names no day for so long is taken to name none.
HORIZON = timedelta(days=400)
# The day at the site may have begun, or not be over yet.
_DAY = timedelta(days=1)


def plan_flaws(body: Body, now: datetime) -> Iterator[Flaw]:
    """Of a campaign that is to be live from now on."""
    campaign = campaign_of({"revision": 0} | dict(body))
    yield from _schedule_flaws(
        campaign.starts_at, campaign.ends_at, campaign.dayparts, campaign.blackouts, now
    )
    yield from _cap_flaws(campaign.caps)


def _schedule_flaws(
    starts_at: datetime | None,
    ends_at: datetime | None,
    dayparts: Sequence[Hours],
    blackouts: Sequence[Blackout],
    now: datetime,
) -> Iterator[Flaw]:
    if ends_at is not None and ends_at <= now:
        yield Flaw(
            ("ends_at",), "has passed: the campaign would be over at once", "Send a later end, or none."
        )
        return
    first = max(starts_at or now, now).date() - _DAY
    last = min(ends_at.date() + _DAY, first + HORIZON) if ends_at is not None else first + HORIZON
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    open_days = [day for day in days if not _is_black(blackouts, day)]
    if not open_days:
        yield Flaw(("blackouts",), "leave no day between its start and its end", "Leave one of them out.")
    elif dayparts and not any(_begins_on_one(part, open_days) for part in dayparts):
        yield Flaw(
            ("dayparts",), "name no day between its start and its end", "Send other days, or another end."
        )


def _is_black(blackouts: Sequence[Blackout], day: date) -> bool:
    return any(blackout.first <= day <= blackout.last for blackout in blackouts)


def _begins_on_one(part: Hours, days: Sequence[date]) -> bool:
    """The days of a rule are counted from its start: once for all of them, since other edits wait meanwhile."""
    if isinstance(part, WeeklyHours):
        return any(part.begins_on(day) for day in days)
    first, last = (datetime.combine(day, time(0)) for day in (days[0], days[-1]))
    named = {at.date() for at in days_of(part.rule, part.starts_on).between(first, last, inc=True)}
    return not named.isdisjoint(days)


def _cap_flaws(caps: Sequence[Cap]) -> Iterator[Flaw]:
    for number, cap in enumerate(caps):
        for other_number, other in enumerate(caps):
            if other_number != number and _never_binds(cap, other, first=number < other_number):
                what = f"can never bind: the cap /caps/{other_number} is reached before it"
                yield Flaw(("caps", number), what, "Leave one of the two out.")
                break


def _never_binds(cap: Cap, other: Cap, *, first: bool) -> bool:
    """Whether the other is always reached at the latest when this one is; of two that say the same, the second."""
    same = (cap.scope, cap.subject, cap.counts, cap.name) == (
        other.scope,
        other.subject,
        other.counts,
        other.name,
    )
    if not same or other.limit > cap.limit or not _contains(other, cap):
        return False
    return not (first and other.limit == cap.limit and _contains(cap, other))


def _contains(longer: Cap, shorter: Cap) -> bool:
    """Whether what the shorter window holds, the longer one holds too, at any time."""
    one, other = longer.window, shorter.window
    if one.kind == "lifetime":
        return True
    if one.kind != other.kind:
        return False
    if one.kind == "rolling":
        return _length(one) >= _length(other)
    return (one.unit, one.week_start, longer.tz) == (
        other.unit,
        other.week_start,
        shorter.tz,
    ) and one.n >= other.n


def _length(window: Window) -> timedelta:
    return window.n * DURATIONS[window.unit]
