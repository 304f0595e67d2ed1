"""At a moment, the one campaign that wins - or none - and for every other one why it lost.

`RULES` is the documentation: an ordered tuple of small functions, and the first reason wins. "No" is a result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from beacon_service.campaigns.caps import POLICY_OWNER, Standing, charges, counted
from beacon_service.campaigns.model import (
    Campaign,
    Cap,
    Charge,
    Decision,
    Grant,
    Granted,
    Moment,
    Policy,
    Reason,
    Tally,
    TallyKey,
)
from beacon_service.hours import WeeklyHours
from beacon_service.ids import derived_uuid7, draw

# "You are in aisle 4" is wrong two minutes later; an offline phone's flush makes no offers.
MAX_MOMENT_AGE = timedelta(seconds=120)


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
        return used + charge.amount <= charge.limit

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
    counts: list[tuple[str, str, int, int]] = []
    _claims: dict[str, tuple[Charge, ...]] = {}

    @cached_property
    def standing(self) -> Standing:
        return Standing(self.now, self.time_zone, self.moment.site, self.moment.visit_started_at)

    @cached_property
    def local(self) -> datetime:
        """Now, on the site's clocks."""
        return self.now.astimezone(self.time_zone)

    @cached_property
    def is_open(self) -> bool:
        """Whether the zone was open when the moment came about."""
        at = self.moment.at.astimezone(self.time_zone)
        return self.hours is None or any(part.cover(at) for part in self.hours)

    def claims(self, campaign: Campaign) -> tuple[Charge, ...]:
        """What an offer of the campaign would claim of the shared counts; several rules ask for it."""
        if campaign.id not in self._claims:
            self._claims[campaign.id] = charges(campaign, self.policy.caps, self.standing)
        return self._claims[campaign.id]


Rule = Callable[[Question, Campaign], Reason | None]

# Why a campaign may have lost for want of a count that customers share.
SHARED_REASONS = (Reason.CAP, Reason.POLICY, Reason.BUDGET)


def is_fresh(question: Question, _: Campaign) -> Reason | None:
    return Reason.STALE if question.now - question.moment.at > MAX_MOMENT_AGE else None


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


def is_in_audience(question: Question, campaign: Campaign) -> Reason | None:
    if campaign.audience is None or campaign.audience(question.attributes):
        return None
    return Reason.AUDIENCE


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


RULES: tuple[Rule, ...] = (
    is_fresh,
    is_nth_visit,
    has_consent,
    is_live,
    is_open,
    is_in_daypart,
    is_in_audience,
    is_within_caps,
    is_within_policy,
    is_within_budget,
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
    ranked = sorted((c for c in candidates if verdicts[c.id] is None), key=lambda c: (-c.priority, c.id))
    winner, held_out, draws = _choose(question, ranked)
    lost = Reason.OUTRANKED if winner or len(held_out) == len(ranked) else Reason.GLOBAL_HOLD_OUT
    for campaign in ranked:
        if campaign is not winner:
            reasons[campaign.id] = (Reason.HELD_OUT if campaign in held_out else lost).value
    moment = question.moment
    offer = winner.offers[0] if winner else None
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
    offer = campaign.offers[0]
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
    )


def _customer_cap_holds(question: Question, campaign: Campaign, cap: Cap, owner: str) -> bool:
    if cap.subject != "customer":
        return True
    used = counted(cap, owner, question.ledger, question.standing)
    question.counts.append((campaign.id, f"{owner}:{cap.definition}", used, cap.limit))
    return used < cap.limit


def _shared_holds(question: Question, campaign: Campaign, prefix: str) -> bool:
    holds = True
    for charge in question.claims(campaign):
        if charge.binding and charge.key.startswith(prefix):
            used = question.shared.used(charge)
            if used is not None:
                question.counts.append((campaign.id, charge.key, used, charge.limit))
            holds = holds and question.shared.has_room(charge)
    return holds


def channel_of(question: Question, campaign: Campaign) -> str:
    """By which channel the campaign's offer would go out."""
    return question.moment.channel if campaign.channel == "app" else campaign.channel


def _lacks_room(question: Question, campaign: Campaign) -> bool:
    return any(
        charge.binding and not question.shared.has_room(charge) for charge in question.claims(campaign)
    )
