"""At a moment, the one campaign that wins - or none - and for every other one why it lost.

`RULES` is the documentation: an ordered tuple of small functions, and the first reason wins. "No" is a result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from beacon_service.campaigns.caps import POLICY_OWNER, Standing, applies, charges, counted, suppressed
from beacon_service.campaigns.codes import POOL, code_charges
from beacon_service.campaigns.model import (
    Blackout,
    Campaign,
    Cap,
    Charge,
    Decision,
    Grant,
    Granted,
    Moment,
    Offer,
    Policy,
    Reason,
    Tally,
    TallyKey,
)
from beacon_service.campaigns.person import Person
from beacon_service.campaigns.writing import NOBODY, About, Scene, write
from beacon_service.customers.events import Events
from beacon_service.hours import UTC_ZONE, WeeklyHours
from beacon_service.ids import derived_uuid7, draw
from beacon_service.visits.model import Visit

# "You are in aisle 4" is wrong two minutes later; an offline phone's flush makes no offers.
MAX_MOMENT_AGE = timedelta(seconds=120)
# What an attribute `mood` may say of who is not to be advertised to.
BAD_MOODS = ("angry", "bad", "upset")


@dataclass(slots=True)
class Shared:
    """Shared counts during one step: as read under their locks, and what this step has claimed since.

    A count that is not known yet is taken to suffice, unless `final`; what the winners claim is collected in
    `claimed`, so that the shell knows which rows to lock before it asks again.
    """

    tallies: Mapping[TallyKey, Tally]
    final: bool = False
    claimed: dict[TallyKey, Charge] = field(default_factory=dict)
    _spent: dict[TallyKey, int] = field(default_factory=dict)

    def used(self, charge: Charge) -> int | None:
        tally = self.tallies.get(charge.key)
        return None if tally is None else tally.used + self._spent.get(charge.key, 0)

    def has_room(self, charge: Charge) -> bool:
        used = self.used(charge)
        if used is None:
            return not self.final
        return used + charge.amount <= self.limit(charge)

    def limit(self, charge: Charge) -> int:
        tally = self.tallies.get(charge.key)
        return charge.limit if tally is None or tally.limit is None else tally.limit

    def claim(self, charge: Charge) -> None:
        self.claimed.setdefault(charge.key, charge)
        self._spent[charge.key] = self._spent.get(charge.key, 0) + charge.amount


class Question(Struct, frozen=True, dict=True):
    """All that the rules may know."""

    moment: Moment
    attributes: Mapping[str, Any]
    marketing: bool
    ledger: Sequence[Grant]
    arms: Mapping[str, str]
    now: datetime
    time_zone: ZoneInfo
    policy: Policy
    shared: Shared
    hours: Sequence[WeeklyHours] | None = None  # when the moment's zone is open; None: always
    location: bool = False
    visits: Mapping[str, Visit] = {}
    events: Events = {}
    lists: tuple[str, ...] = ()
    customer_zone: ZoneInfo | None = None  # of the phone's clocks
    organisation_zone: ZoneInfo = UTC_ZONE
    about: About = NOBODY
    groups: Mapping[str, str] = {}  # exclusion group -> the campaign that has the customer
    good_until: datetime | None = None  # of a moment that waited
    still_so: bool = True  # whether what it waited for still holds
    counts: list[tuple[str, str, int, int]] = []
    _claims: dict[str, tuple[Charge, ...]] = {}
    _standings: dict[str, Standing] = {}

    @cached_property
    def standing(self) -> Standing:
        """Where and when, whatever the offer."""
        return Standing(
            self.now,
            self.time_zone,
            self.moment.site,
            self.moment.visit_started_at,
            customer_zone=self.customer_zone,
            organisation_zone=self.organisation_zone,
        )

    def standing_of(self, campaign: Campaign) -> Standing:
        """The same for what that campaign would offer; each of its caps asks for it."""
        if campaign.id not in self._standings:
            offer, channel = self.offer(campaign).id, channel_of(self, campaign)
            self._standings[campaign.id] = replace(self.standing, offer=offer, channel=channel)
        return self._standings[campaign.id]

    def offer(self, campaign: Campaign) -> Offer:
        """Which of the campaign's offers is this customer's: for good, as long as their weights stay."""
        if len(campaign.offers) == 1:
            return campaign.offers[0]
        mark = draw("variant", campaign.id, self.moment.customer_key) * sum(
            one.weight for one in campaign.offers
        )
        for offer in campaign.offers:
            mark -= offer.weight
            if mark < 0:
                return offer
        return campaign.offers[-1]

    @cached_property
    def person(self) -> Person:
        """Whom audiences are asked about."""
        about = (self.attributes, self.marketing, self.location, self.visits, self.events, self.lists)
        return Person(self.now, *about)

    @cached_property
    def scene(self) -> Scene:
        """What the winner's texts may name."""
        return Scene(self.moment, self.attributes, self.now, self.time_zone, self.about)

    @cached_property
    def local(self) -> datetime:
        """Now, on the site's clocks."""
        return self.now.astimezone(self.time_zone)

    @cached_property
    def is_quiet(self) -> bool:
        """Whether the policy's quiet hours are now."""
        quiet = self.policy.quiet
        return quiet is not None and quiet.hours.cover(self.now.astimezone(self.standing.zone(quiet.tz)))

    @cached_property
    def is_open(self) -> bool:
        """Whether the zone was open when the moment came about."""
        at = self.moment.at.astimezone(self.time_zone)
        return self.hours is None or any(part.cover(at) for part in self.hours)

    def claims(self, campaign: Campaign) -> tuple[Charge, ...]:
        """What an offer of the campaign would claim of the shared counts; several rules ask for it."""
        if campaign.id not in self._claims:
            shared = charges(campaign, self.policy.caps, self.standing_of(campaign))
            self._claims[campaign.id] = (*shared, *code_charges(campaign, self.offer(campaign)))
        return self._claims[campaign.id]


Rule = Callable[[Question, Campaign], Reason | None]

# Why a campaign may have lost for want of a count that customers share.
SHARED_REASONS = (Reason.CAP, Reason.POLICY, Reason.BUDGET, Reason.CODES)


def is_fresh(question: Question, _: Campaign) -> Reason | None:
    if question.good_until is not None:
        return Reason.STALE if question.now > question.good_until else None
    return Reason.STALE if question.now - question.moment.at > MAX_MOMENT_AGE else None


def is_still_so(question: Question, _: Campaign) -> Reason | None:
    return None if question.still_so else Reason.LEFT


def is_nth_visit(question: Question, campaign: Campaign) -> Reason | None:
    nth = campaign.trigger.nth
    return Reason.VISIT if nth is not None and nth != question.moment.visit else None


def has_consent(question: Question, _: Campaign) -> Reason | None:
    return None if question.marketing else Reason.NO_CONSENT


def is_live(question: Question, campaign: Campaign) -> Reason | None:
    begun = campaign.starts_at is None or campaign.starts_at <= question.now
    over = campaign.ends_at is not None and campaign.ends_at <= question.now
    return None if campaign.status == "published" and begun and not over else Reason.NOT_LIVE


def is_open(question: Question, _: Campaign) -> Reason | None:
    return None if question.is_open else Reason.CLOSED


def is_in_daypart(question: Question, campaign: Campaign) -> Reason | None:
    if not campaign.dayparts:
        return None
    local = question.local
    return None if any(part.cover(local) for part in campaign.dayparts) else Reason.DAYPART


def is_on_no_blackout(question: Question, campaign: Campaign) -> Reason | None:
    """A campaign's own blackouts are by the site's calendar, as are the policy's, which bind who obeys it."""
    blackouts = campaign.blackouts
    if campaign.obeys_policy:
        blackouts = (*blackouts, *question.policy.blackouts)
    return Reason.BLACKOUT if blackouts and _is_on(blackouts, question.local.date()) else None


def is_in_audience(question: Question, campaign: Campaign) -> Reason | None:
    if campaign.audience is None or campaign.audience(question.person):
        return None
    return Reason.AUDIENCE


def is_suitable(question: Question, campaign: Campaign) -> Reason | None:
    """Who is angry is not advertised to; a word of service passes."""
    if campaign.kind == "service":
        return None
    about = question.attributes
    return (
        Reason.UNSUITABLE if about.get("open_complaint") is True or about.get("mood") in BAD_MOODS else None
    )


def is_not_quiet(question: Question, campaign: Campaign) -> Reason | None:
    """In quiet hours what obeys the policy is dropped or held; what goes to the inbox disturbs nobody."""
    quiet = question.policy.quiet
    if quiet is None or quiet.then == "inbox" or not campaign.obeys_policy or not question.is_quiet:
        return None
    return Reason.QUIET


def is_alone_in_its_group(question: Question, campaign: Campaign) -> Reason | None:
    if campaign.group is None:
        return None
    return Reason.EXCLUDED if question.groups.get(campaign.group, campaign.id) != campaign.id else None


def is_long_enough_ago(question: Question, campaign: Campaign) -> Reason | None:
    """Since the campaign's own last offer, and since any if it obeys the policy."""
    own = _last(grant for grant in question.ledger if grant.campaign == campaign.id)
    if _is_within(campaign.min_gap, own, question.now):
        return Reason.GAP
    if campaign.obeys_policy and question.policy.min_gap is not None:
        common = _last(grant for grant in question.ledger if grant.policy and grant.arm == "offered")
        return Reason.GAP if _is_within(question.policy.min_gap, common, question.now) else None
    return None


def is_not_suppressed(question: Question, campaign: Campaign) -> Reason | None:
    own = [grant for grant in question.ledger if grant.campaign == campaign.id]
    if campaign.suppression is not None and suppressed(campaign.suppression, own, question.now):
        return Reason.SUPPRESSED
    silence = question.policy.suppression
    if campaign.obeys_policy and silence is not None:
        common = [grant for grant in question.ledger if grant.policy]
        return Reason.SUPPRESSED if suppressed(silence, common, question.now) else None
    return None


def is_within_caps(question: Question, campaign: Campaign) -> Reason | None:
    own = all(_customer_cap_holds(question, campaign, cap, campaign.id) for cap in campaign.caps)
    return None if own and _shared_holds(question, campaign, f"cap:{campaign.id}:") else Reason.CAP


def is_within_policy(question: Question, campaign: Campaign) -> Reason | None:
    if not campaign.obeys_policy:
        return None
    common = all(_customer_cap_holds(question, campaign, cap, POLICY_OWNER) for cap in question.policy.caps)
    return None if common and _shared_holds(question, campaign, f"cap:{POLICY_OWNER}:") else Reason.POLICY


def is_within_budget(question: Question, campaign: Campaign) -> Reason | None:
    return None if _shared_holds(question, campaign, "budget:") else Reason.BUDGET


def has_a_code_left(question: Question, campaign: Campaign) -> Reason | None:
    return None if _shared_holds(question, campaign, POOL) else Reason.CODES


RULES: tuple[Rule, ...] = (
    is_fresh,
    is_still_so,
    is_nth_visit,
    has_consent,
    is_live,
    is_open,
    is_in_daypart,
    is_on_no_blackout,
    is_in_audience,
    is_suitable,
    is_not_quiet,
    is_alone_in_its_group,
    is_long_enough_ago,
    is_not_suppressed,
    is_within_caps,
    is_within_policy,
    is_within_budget,
    has_a_code_left,
)


def verdict(question: Question, campaign: Campaign) -> Reason | None:
    """The first rule that says no, or None."""
    for rule in RULES:
        reason = rule(question, campaign)
        if reason is not None:
            return reason
    return None


def decide(question: Question, candidates: Sequence[Campaign]) -> Decision:
    """One decision for the moment: at most one offer. Claims the winner's shared counts in `question.shared`."""
    verdicts = {campaign.id: verdict(question, campaign) for campaign in candidates}
    reasons: dict[str, str] = {key: reason.value for key, reason in verdicts.items() if reason is not None}
    refusals = tuple(
        campaign.id
        for campaign in candidates
        if verdicts[campaign.id] in SHARED_REASONS and _lacks_room(question, campaign)
    )
    # A fallback speaks only where nobody else does, whatever its priority.
    ranked = sorted(
        (c for c in candidates if verdicts[c.id] is None), key=lambda c: (c.fallback, -c.priority, c.id)
    )
    winner, held_out, draws = _choose(question, ranked)
    lost = Reason.OUTRANKED if winner or len(held_out) == len(ranked) else Reason.GLOBAL_HOLD_OUT
    for campaign in ranked:
        if campaign is not winner:
            reasons[campaign.id] = (Reason.HELD_OUT if campaign in held_out else lost).value
    moment = question.moment
    offer = write(question.offer(winner), question.scene) if winner else None
    expires_at = question.now + offer.expires_after if offer else None
    grants = [_held_out_grant(question, campaign) for campaign in held_out]
    if winner:
        grants.append(_offered_grant(question, winner))
    return Decision(
        id=derived_uuid7(question.now, "decision", moment.seed, moment.key),
        moment=moment,
        campaign=winner.id if winner else None,
        revision=winner.revision if winner else None,
        offer=offer,
        expires_at=expires_at,
        reasons=reasons,
        counts=tuple(question.counts),
        draws=draws,
        grants=tuple(grants),
        refusals=refusals,
        channel=channel_of(question, winner) if winner else None,
    )


def _choose(
    question: Question, ranked: Sequence[Campaign]
) -> tuple[Campaign | None, list[Campaign], dict[str, tuple[float, float]]]:
    """(winner, those that hold this customer out, the draws). Hold-out comes after ranking, one by one."""
    draws: dict[str, tuple[float, float]] = {}
    held_out: list[Campaign] = []
    customer = question.moment.customer_key
    if ranked and question.policy.hold_out > 0:
        draws["*"] = (draw("global_hold_out", customer), question.policy.hold_out)
        if draws["*"][0] < question.policy.hold_out:
            return None, held_out, draws
    for campaign in ranked:
        arm = question.arms.get(campaign.id)
        if arm is None and campaign.hold_out > 0:
            draws[campaign.id] = (draw("hold_out", campaign.id, customer), campaign.hold_out)
            arm = "held_out" if draws[campaign.id][0] < campaign.hold_out else "offered"
        if arm != "held_out":
            return campaign, held_out, draws
        held_out.append(campaign)
    return None, held_out, draws


def _held_out_grant(question: Question, campaign: Campaign) -> Granted:
    """Counts as confirmed at once: nothing is reserved, so it closes as it is made."""
    return Granted(campaign=campaign.id, arm="held_out", offer_id=None, policy=False, closes_at=question.now)


def _offered_grant(question: Question, campaign: Campaign) -> Granted:
    offer = question.offer(campaign)
    claims = question.claims(campaign)
    for charge in claims:
        question.shared.claim(charge)
    return Granted(
        campaign=campaign.id,
        arm="offered",
        offer_id=offer.id,
        policy=campaign.counts_towards_policy,
        closes_at=question.now + offer.expires_after,
        charges=claims,
        tags=tuple(sorted(campaign.tags)),
        channel=channel_of(question, campaign),
        cost=offer.cost,
    )


def _customer_cap_holds(question: Question, campaign: Campaign, cap: Cap, owner: str) -> bool:
    standing = question.standing_of(campaign)
    if cap.subject != "customer" or not applies(cap, campaign, standing):
        return True
    used = counted(cap, owner, question.ledger, standing)
    question.counts.append((campaign.id, f"{owner}:{cap.definition}", used, cap.limit))
    return used < cap.limit


def _shared_holds(question: Question, campaign: Campaign, prefix: str) -> bool:
    holds = True
    for charge in question.claims(campaign):
        if charge.binding and charge.key.startswith(prefix):
            used = question.shared.used(charge)
            if used is not None:
                question.counts.append((campaign.id, charge.key, used, question.shared.limit(charge)))
            holds = holds and question.shared.has_room(charge)
    return holds


def channel_of(question: Question, campaign: Campaign) -> str:
    """By which channel the campaign's offer would go out."""
    quiet = question.policy.quiet
    if quiet is not None and quiet.then == "inbox" and campaign.obeys_policy and question.is_quiet:
        return "inbox"
    return question.moment.channel if campaign.channel == "app" else campaign.channel


def _is_on(blackouts: Iterable[Blackout], day: date) -> bool:
    return any(blackout.first <= day <= blackout.last for blackout in blackouts)


def _last(grants: Iterable[Grant]) -> datetime | None:
    return max((grant.decided_at for grant in grants), default=None)


def _is_within(gap: timedelta | None, last_at: datetime | None, now: datetime) -> bool:
    return gap is not None and last_at is not None and now - last_at < gap


def _lacks_room(question: Question, campaign: Campaign) -> bool:
    return any(
        charge.binding and not question.shared.has_room(charge) for charge in question.claims(campaign)
    )
