"""How often: what a cap counts of a customer's ledger, and what it claims of the counts that customers share."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from beacon_service.campaigns.model import Campaign, Cap, Charge, Grant, TallyKey, Window
from beacon_service.campaigns.windows import DURATIONS, calendar_start, rolling_since

# The contact policy as a cap's owner; ids of campaigns contain no asterisk, and one may well be called "policy".
POLICY_OWNER = "*policy"
_DAY = Window("calendar", 1, "day")


class Standing(Struct, frozen=True):
    """Where and when caps are judged."""

    now: datetime
    time_zone: ZoneInfo  # the site's
    site: str
    visit_started_at: datetime  # of the visit to the site


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
        for_policy = grant.policy and grant.arm == "offered"
        relevant = for_policy if owner == POLICY_OWNER else grant.campaign == owner
        if not relevant or not grant.counts_as(cap.counts):
            continue
        late_enough = start_at is None or grant.decided_at >= start_at
        total += late_enough and (after_at is None or grant.decided_at > after_at)
    return total


def charges(campaign: Campaign, policy_caps: Sequence[Cap], standing: Standing) -> tuple[Charge, ...]:
    """Every shared count that an offer of the campaign adds to: its caps, the policy's, its budget."""
    own = [
        _cap_charge(cap, campaign.id, standing, campaign=campaign.id)
        for cap in campaign.caps
        if cap.subject != "customer"
    ]
    common = [
        _cap_charge(cap, POLICY_OWNER, standing, binding=campaign.obeys_policy)
        for cap in policy_caps
        if cap.subject != "customer" and campaign.counts_towards_policy
    ]
    return (*own, *common, *budget_charges(campaign, standing))


def budget_charges(campaign: Campaign, standing: Standing) -> tuple[Charge, ...]:
    """A budget counts offers; what no one reported as delivered comes back when its offer expires."""
    if campaign.budget is None:
        return ()
    budget, found = campaign.budget, []
    if budget.total is not None:
        key = TallyKey(f"budget:{campaign.id}:total")
        found.append(Charge(key=key, limit=budget.total, counts="delivered", campaign=campaign.id))
    if budget.per_day is not None:
        start_at = calendar_start(_DAY, standing.now, standing.time_zone)
        key = TallyKey(f"budget:{campaign.id}:{start_at.isoformat()}")
        found.append(
            Charge(key=key, limit=budget.per_day, counts="delivered", campaign=campaign.id, start_at=start_at)
        )
    return tuple(found)


def ledger_span(caps: Iterable[Cap]) -> timedelta | None:
    """How far back the customer caps among these may look; None: to the beginning."""
    windows = [cap.window for cap in caps if cap.subject == "customer"]
    if any(window.kind in {"lifetime", "visit"} for window in windows):
        return None
    # A calendar period is at most its duration and a day: the longest month, and the hour that DST adds.
    spans = [window.n * DURATIONS[window.unit] + timedelta(days=window.n + 1) for window in windows]
    return max(spans, default=timedelta(0))


def _cap_charge(
    cap: Cap, owner: str, standing: Standing, *, campaign: str | None = None, binding: bool = True
) -> Charge:
    after_at, start_at = _bounds(cap, standing)
    # Only one calendar period fits one row; several at once are counted from the ledger, as rolling ones are.
    ledger = after_at is not None or (cap.window.kind == "calendar" and cap.window.n > 1)
    subject = standing.site if cap.subject == "site" else "all"
    period = start_at.isoformat() if start_at is not None and not ledger else ""
    return Charge(
        key=TallyKey(f"cap:{owner}:{cap.definition}:{subject}:{period}"),
        limit=cap.limit,
        counts=cap.counts,
        ledger=ledger,
        after_at=after_at,
        start_at=start_at,
        campaign=campaign,
        site=standing.site if cap.subject == "site" else None,
        binding=binding,
    )


def _bounds(cap: Cap, standing: Standing) -> tuple[datetime | None, datetime | None]:
    """(exclusive, inclusive) start of what counts; at most one of them is set."""
    window = cap.window
    if window.kind == "rolling":
        return rolling_since(window, standing.now), None
    if window.kind == "calendar":
        zone = standing.time_zone if cap.tz == "site" else ZoneInfo(cap.tz)
        return None, calendar_start(window, standing.now, zone)
    if window.kind == "visit":
        return None, standing.visit_started_at
    return None, None
