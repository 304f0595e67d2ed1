"""What a backtest comes to: gained, lost and changed offers by campaign, zone, hour and reason, and what they cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from beacon_service.backtests.decided import differences
from beacon_service.backtests.model import Example
from beacon_service.pings.answer import OfferOut

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beacon_service.backtests.comparison import Pair
    from beacon_service.backtests.decided import Decided
    from beacon_service.backtests.model import DifferenceKind
    from beacon_service.engine import Event

# What a campaign did at a moment, beside the reasons for which it lost.
OFFERED, UNASKED = "offered", "not_asked"
# Caps of whatever owner; a budget is told apart.
CAP_REASONS = ("cap", "policy", "gap", "suppressed", "budget", "codes")
# The fields of which a verification's differences are counted; when and why are among them.
SIDES = ("before", "after")


@dataclass(slots=True)
class Side:
    """One of the two: as it was, or as it would be."""

    decisions: int = 0
    offers: Counter[str] = field(default_factory=Counter)  # by campaign
    zones: Counter[str] = field(default_factory=Counter)
    hours: Counter[str] = field(default_factory=Counter)
    costs: Counter[str] = field(default_factory=Counter)
    capped: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    customers: Counter[int] = field(default_factory=Counter)
    moves: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, one: Decided, customer: int) -> None:
        self.decisions += 1
        for campaign, reason in one.reasons.items():
            if reason in CAP_REASONS:
                self.capped[campaign][reason] += 1
        if one.campaign is None:
            return
        self.offers[one.campaign] += 1
        self.zones[place_of(one)] += 1
        self.hours[f"{one.decided_at.astimezone(UTC):%Y-%m-%dT%H:00Z}"] += 1
        self.costs[one.campaign] += sum(grant.cost for grant in one.grants if grant.arm == "offered")
        self.customers[customer] += 1

    def move(self, zone: str, kind: str, number: int = 1) -> None:
        self.moves[zone][kind] += number

    def told(self) -> dict[str, Any]:
        return {
            "decisions": self.decisions,
            "offers": self.offers.total(),
            "customers_offered": len(self.customers),
            "offers_per_customer": _spread(self.customers.values()),
            "cost": self.costs.total(),
        }


@dataclass(slots=True)
class Report:
    """Fed pair by pair. Its size is that of campaigns, zones, hours and customers, not of the history."""

    verifies: bool
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    kinds: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    differing: Counter[str] = field(default_factory=Counter)  # fields, of a verification

    def add(self, pair: Pair) -> Example | None:
        """Counts it; an example where it was decided otherwise."""
        customer = pair.either.customer_key
        for side, one in ((self.before, pair.before), (self.after, pair.after)):
            if one is not None:
                side.add(one, customer)
        self._count_reasons(pair)
        found = self._verified(pair) if self.verifies else self._compared(pair)
        if found is None:
            return None
        self.kinds[found.kind] += 1
        return msgspec.structs.replace(found, customer_key=customer)

    def moved(self, events: Iterable[Event]) -> None:
        for event in events:
            self.after.move(f"{event.site}/{event.zone}", event.move.type)

    def told(self) -> dict[str, Any]:
        names = sorted({*self.before.offers, *self.after.offers, *self.reasons})
        return {
            "verified": self.verifies,
            "decisions": self.before.decisions,
            "differences": self.kinds.total(),
            "kinds": dict(self.kinds),
            "fields": dict(self.differing),
            "before": self.before.told(),
            "after": self.after.told(),
            "campaigns": {name: self._campaign(name) for name in names},
            "zones": _both(self.before.zones, self.after.zones),
            "hours": _both(self.before.hours, self.after.hours),
            "moves": self._moves(),
            "customers": self._customers(),
        }

    def _compared(self, pair: Pair) -> Example | None:
        """By what the customer is told: the offer of a campaign, or nothing."""
        was, would = _offer(pair.before), _offer(pair.after)
        if was == would:
            return None
        if was is not None:
            self.lost[was[0]] += 1
        if would is not None:
            self.gained[would[0]] += 1
        kind: DifferenceKind = "gained" if was is None else "lost" if would is None else "changed"
        return example(kind, pair, (would or was or ("",))[0])

    def _verified(self, pair: Pair) -> Example | None:
        """By everything that is kept of a decision."""
        if pair.before is None or pair.after is None:
            kind: DifferenceKind = "gained" if pair.before is None else "lost"
            self.differing[kind] += 1
            return example(kind, pair, pair.either.campaign)
        fields = differences(pair.before, pair.after)
        if not fields:
            return None
        self.differing.update(list(fields))
        return example("changed", pair, pair.either.campaign)

    def _count_reasons(self, pair: Pair) -> None:
        said = [_verdicts(one) for one in pair]
        for campaign in said[0].keys() | said[1].keys():
            was, would = (one.get(campaign, UNASKED) for one in said)
            if was != would:
                self.reasons[campaign][was, would] += 1

    def _campaign(self, name: str) -> dict[str, Any]:
        return {
            "offers": [side.offers[name] for side in (self.before, self.after)],
            "cost": [side.costs[name] for side in (self.before, self.after)],
            "gained": self.gained[name],
            "lost": self.lost[name],
            "capped": {
                reason: [side.capped[name][reason] for side in (self.before, self.after)]
                for reason in CAP_REASONS
                if any(
                    name in side.capped and side.capped[name][reason] for side in (self.before, self.after)
                )
            },
            "reasons": [
                {"before": was, "after": would, "moments": number}
                for (was, would), number in sorted(self.reasons[name].items(), key=lambda one: -one[1])
            ],
        }

    def _moves(self) -> dict[str, dict[str, list[int]]]:
        """Of zones that somebody entered or left more or less often."""
        places = sorted(self.before.moves.keys() | self.after.moves.keys())
        return {
            place: _both(self.before.moves[place], self.after.moves[place])
            for place in places
            if self.before.moves[place] != self.after.moves[place]
        }

    def _customers(self) -> dict[str, Any]:
        """Who hears from us more often than before, and how much more."""
        keys = self.before.customers.keys() | self.after.customers.keys()
        more = Counter(self.after.customers[key] - self.before.customers[key] for key in keys)
        return {
            "more": sum(number for by, number in more.items() if by > 0),
            "fewer": sum(number for by, number in more.items() if by < 0),
            "same": more[0],
            "most_before": max(self.before.customers.values(), default=0),
            "most_after": max(self.after.customers.values(), default=0),
        }


def example(kind: DifferenceKind, pair: Pair, campaign: str | None) -> Example:
    one = pair.either
    return Example(
        kind=kind,
        moment_key=str(one.moment_key),
        campaign=campaign,
        site=one.site,
        zone=one.zone,
        at=one.at,
        before=_shown(pair.before),
        after=_shown(pair.after),
    )


def _shown(one: Decided | None) -> dict[str, Any] | None:
    """Without codes: they are their customers', and may still be good."""
    if one is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(one)
    if one.offer is not None:
        shown["offer"] = msgspec.to_builtins(msgspec.convert(one.offer, OfferOut).without_code())
    grants = [msgspec.structs.replace(grant, code=None) for grant in one.grants]
    return shown | {"grants": msgspec.to_builtins(grants)}


def place_of(one: Decided) -> str:
    """Where it was; what an event or an absence made was nowhere."""
    return f"{one.site}/{one.zone}" if one.zone else ""


def _offer(one: Decided | None) -> tuple[str, str] | None:
    return None if one is None or one.campaign is None else (one.campaign, one.offer_id or "")


def _verdicts(one: Decided | None) -> dict[str, str]:
    if one is None:
        return {}
    return one.reasons if one.campaign is None else {**one.reasons, one.campaign: OFFERED}


def _both(before: Counter[str], after: Counter[str]) -> dict[str, list[int]]:
    return {name: [before[name], after[name]] for name in sorted(before.keys() | after.keys())}


def _spread(numbers: Iterable[int]) -> dict[str, int]:
    """How many customers got one offer, two, ... by number of offers."""
    return {str(number): many for number, many in sorted(Counter(numbers).items())}
