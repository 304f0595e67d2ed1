"""How often: what a cap counts of a customer's ledger, and what it claims of the counts that customers share."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from beacon_service.campaigns.ledger import Charge, Grant, Outcome, TallyKey
from beacon_service.campaigns.model import Campaign, Cap, Count, Suppression, Window
from beacon_service.campaigns.windows import DURATIONS, calendar_end, calendar_start, rolling_since
from beacon_service.hours import UTC_ZONE

# The contact policy as a cap's owner; ids of campaigns contain no asterisk, and one may well be called "policy".
POLICY_OWNER = "*policy"
# Offers of an even budget may run ahead by so much of the day, so that its last minute is not too late for the last.
PACE_AHEAD = timedelta(minutes=15)
_DAY = Window("calendar", 1, "day")


class Period(NamedTuple):
    """A stretch of the calendar: when it began, and how a count of it is named."""

    start_at: datetime
    name: str


class Clocks(Struct, frozen=True):
    """What the clocks of several places say at one instant, kept for all that is decided at it."""

    periods: dict[tuple[str, int, int, str], Period] = {}
    covered: dict[str, dict[int, bool]] = {}  # by time zone, then by the identity of hours


class Standing(Struct, frozen=True):
    """Where and when caps are judged."""

    now: datetime
    time_zone: ZoneInfo  # the site's
    site: str
    visit_started_at: datetime  # of the visit to the site
    offer: str | None = None  # which of the campaign's offers it would be
    channel: str = "response"
    customer_zone: ZoneInfo | None = None  # as the phone says; unknown: the site's
    organisation_zone: ZoneInfo = UTC_ZONE
    time_zones: tuple[ZoneInfo, ...] = ()  # of all sites, whose days the same offer may count for
    clocks: Clocks = field(default_factory=Clocks)

    def zone(self, tz: str) -> ZoneInfo:
        """Whose clock a `tz` means."""
        if tz == "site":
            return self.time_zone
        if tz == "customer":
            return self.customer_zone or self.time_zone
        return self.organisation_zone if tz == "organisation" else ZoneInfo(tz)

    def period(self, window: Window, zone: ZoneInfo) -> Period:
        """The calendar period that it is now by that zone's clocks; many campaigns ask for the same."""
        key = (window.unit, window.n, window.week_start, zone.key)
        found = self.clocks.periods.get(key)
        if found is None:
            start_at = calendar_start(window, self.now, zone)
            found = self.clocks.periods[key] = Period(start_at, start_at.isoformat())
        return found

    def begun_elsewhere(self, window: Window, here: Period) -> list[Period]:
        """The same period by the clocks of other sites, and by the organisation's."""
        zones = (*self.time_zones, self.time_zone, self.organisation_zone)
        return sorted({self.period(window, zone) for zone in zones} - {here})


def applies(cap: Cap, campaign: Campaign, standing: Standing) -> bool:
    """Caps of a tag or a channel are those of the campaigns and offers that have it."""
    if cap.scope == "tag":
        return cap.name in campaign.tags
    return cap.scope != "channel" or cap.name == standing.channel


def counted(cap: Cap, owner: str, ledger: Sequence[Grant], standing: Standing) -> int:
    """How much of a customer's cap is used, by the ledger alone.

    A held-out grant counts towards its own campaign's caps, as if it had been offered and looked at, and never
    towards the contact policy.
    """
    if not ledger:
        return 0
    after_at, start_at = _bounds(cap, standing)
    total = 0
    for grant in ledger:
        if not _is_of(grant, cap, owner, standing) or not grant.counts_as(cap.counts):
            continue
        late_enough = start_at is None or grant.decided_at >= start_at
        total += late_enough and (after_at is None or grant.decided_at > after_at)
    return total


def unused(campaign: Campaign) -> tuple[Count, ...] | None:
    """What is told of the caps on a customer whom the campaign gave nothing yet; None where even such a one binds."""
    caps = [cap for cap in campaign.caps if cap.subject == "customer"]
    if any(cap.limit == 0 for cap in caps):
        return None
    return tuple((campaign.id, f"{campaign.id}:{cap.definition}", 0, cap.limit) for cap in caps)


def _is_of(grant: Grant, cap: Cap, owner: str, standing: Standing) -> bool:
    """Whether the cap is about such grants."""
    if owner != POLICY_OWNER:
        of_offer = cap.scope != "offer" or grant.offer in {standing.offer, None}  # held out of it: of any
        return grant.campaign == owner and of_offer
    if not grant.policy or grant.arm != "offered":
        return False
    if cap.scope == "tag":
        return cap.name in grant.tags
    return cap.scope != "channel" or cap.name == grant.channel


def charges(campaign: Campaign, policy_caps: Sequence[Cap], standing: Standing) -> tuple[Charge, ...]:
    """Every shared count that an offer of the campaign adds to: its caps, the policy's, its budget."""
    own = [
        charge
        for cap in campaign.caps
        if cap.subject != "customer"
        for charge in _cap_charges(cap, campaign.id, standing, campaign=campaign.id)
    ]
    common = [
        # Who obeys without counting looks at the count and adds nothing to it.
        replace(charge, amount=int(campaign.counts_towards_policy))
        for cap in policy_caps
        if cap.subject != "customer"
        and (campaign.counts_towards_policy or campaign.obeys_policy)
        and applies(cap, campaign, standing)
        for charge in _cap_charges(cap, POLICY_OWNER, standing, binding=campaign.obeys_policy)
    ]
    # Caps of one definition are one count, and the lowest limit is the one that binds.
    found: dict[TallyKey, Charge] = {}
    for charge in (*own, *common, *budget_charges(campaign, standing)):
        known = found.get(charge.key)
        if known is None or charge.limit < known.limit:
            found[charge.key] = charge
    return tuple(found.values())


def budget_charges(campaign: Campaign, standing: Standing) -> tuple[Charge, ...]:
    """A budget counts offers, or what they cost; what no one reported as delivered comes back when it expires."""
    budget = campaign.budget
    if budget is None:
        return ()
    name = campaign.id if not budget.per_site else f"{campaign.id}:at={standing.site}"
    if budget.of == "cost":
        # A budget that comes to be of money begins another count: offers are no cents. No id has an equals sign.
        name += ":of=cost"
    plain = Charge(
        key=TallyKey(f"budget:{name}:total"),
        limit=0,
        counts="delivered",
        campaign=campaign.id,
        site=standing.site if budget.per_site else None,
        money=budget.of == "cost",
        amount=cost_of(campaign, standing.offer) if budget.of == "cost" else 1,
    )
    found = []
    if budget.total is not None:
        found.append(replace(plain, limit=budget.total))
    if budget.per_day is not None:
        today = standing.period(_DAY, standing.time_zone)
        limit = _paced(budget.per_day, today.start_at, standing) if budget.even else budget.per_day
        elsewhere = [] if budget.per_site else standing.begun_elsewhere(_DAY, today)
        found += _by_period(replace(plain, limit=limit), f"budget:{name}:", today, elsewhere)
    return tuple(found)


def cost_of(campaign: Campaign, offer: str | None) -> int:
    return next((one.cost for one in campaign.offers if one.id == offer), campaign.offers[0].cost)


def _paced(per_day: int, start_at: datetime, standing: Standing) -> int:
    """How much of a day's budget may be gone by now: half of it at noon, all of it in the last minutes.

    Rounded up, so that a budget of one is there from the start.
    """
    end_at = calendar_end(start_at, standing.time_zone)
    return math.ceil(per_day * min(1.0, (standing.now - start_at + PACE_AHEAD) / (end_at - start_at)))


def is_within(gap: timedelta | None, grants: Iterable[Grant], now: datetime) -> bool:
    """Whether the last of them is not as long ago as the gap."""
    return gap is not None and any(now - grant.decided_at < gap for grant in grants)


def suppressed(suppression: Suppression, grants: Iterable[Grant], now: datetime) -> bool:
    """Whether so many offers in a row were dismissed that there is silence now.

    Dismissals and clicks count by when their offer was made: offers are looked at when they come.
    """
    recent: list[datetime] = []
    silent_until: datetime | None = None
    for grant in sorted(grants, key=lambda one: one.decided_at):
        if grant.arm != "offered":
            continue
        if grant.outcomes & Outcome.CLICKED:
            recent, silent_until = [], None
        elif grant.outcomes & Outcome.DISMISSED:
            recent = [at for at in recent if grant.decided_at - at < suppression.within] + [grant.decided_at]
            if len(recent) >= suppression.dismissals:
                silent_until = grant.decided_at + suppression.silence
    return silent_until is not None and now < silent_until


def ledger_span(
    caps: Iterable[Cap], gaps: Iterable[timedelta | None] = (), silences: Iterable[Suppression | None] = ()
) -> timedelta | None:
    """How far back caps, gaps and suppressions may look at a customer's ledger; None: to the beginning."""
    asked = [gap for gap in gaps if gap is not None]
    asked += [one.within + one.silence for one in silences if one is not None]
    windows = [cap.window for cap in caps if cap.subject == "customer"]
    if any(window.kind in {"lifetime", "visit"} for window in windows):
        return None
    # A calendar period is at most its duration and a day: the longest month, and the hour that DST adds.
    spans = [window.n * DURATIONS[window.unit] + timedelta(days=window.n + 1) for window in windows]
    return max([*spans, *asked], default=timedelta(0))


def _cap_charges(
    cap: Cap, owner: str, standing: Standing, *, campaign: str | None = None, binding: bool = True
) -> list[Charge]:
    after_at, _ = _bounds(cap, standing)
    of_calendar = cap.window.kind == "calendar"
    # Only one calendar period fits one row; several at once are counted from the ledger, as rolling ones are.
    ledger = after_at is not None or (of_calendar and cap.window.n > 1)
    subject = standing.site if cap.subject == "site" else "all"
    if cap.scope == "offer":
        subject = f"{subject}:offer={standing.offer}"
    row = TallyKey(f"cap:{owner}:{cap.definition}:{subject}:")
    charge = Charge(
        key=row,
        limit=cap.limit,
        counts=cap.counts,
        ledger=ledger,
        after_at=after_at,
        campaign=campaign,
        site=standing.site if cap.subject == "site" else None,
        offer=standing.offer if cap.scope == "offer" else None,
        tag=cap.name if cap.scope == "tag" else None,
        channel=cap.name if cap.scope == "channel" else None,
        binding=binding,
        lock=row if ledger else None,
    )
    if not of_calendar:
        return [charge]
    here = standing.period(cap.window, standing.zone(cap.tz))
    kept_by_several = not ledger and cap.tz == "site" and cap.subject == "total"
    return _by_period(
        charge, row, here, standing.begun_elsewhere(cap.window, here) if kept_by_several else ()
    )


def _by_period(charge: Charge, row: str, here: Period, elsewhere: Iterable[Period]) -> list[Charge]:
    """The charge of the period that it is here, and of the same one where it began at another time.

    What is given here counts as well for who still has yesterday, or has tomorrow already. It is judged by the clocks
    of this place alone.
    """
    periods = [(here, charge.binding), *((period, False) for period in elsewhere)]
    return [
        replace(charge, key=TallyKey(f"{row}{period.name}"), start_at=period.start_at, binding=binding)
        for period, binding in periods
    ]


def _bounds(cap: Cap, standing: Standing) -> tuple[datetime | None, datetime | None]:
    """(exclusive, inclusive) start of what counts; at most one of them is set."""
    window = cap.window
    if window.kind == "rolling":
        return rolling_since(window, standing.now), None
    if window.kind == "calendar":
        return None, standing.period(window, standing.zone(cap.tz)).start_at
    if window.kind == "visit":
        return None, standing.visit_started_at
    return None, None
