"""All campaigns in memory, indexed by what triggers them: a moment finds its candidates by dict lookups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from beacon_service.campaigns.audience import compile_rule
from beacon_service.campaigns.audiences import Audiences
from beacon_service.campaigns.content import content_of
from beacon_service.campaigns.model import (
    Blackout,
    Budget,
    Campaign,
    CampaignId,
    Cap,
    Learning,
    Offer,
    Policy,
    Quiet,
    Recipe,
    StockLevel,
    Suppression,
    Tries,
    Trigger,
    Window,
)
from beacon_service.campaigns.verdict import rules_for
from beacon_service.configuration.model import Body, Documents
from beacon_service.hours import DAYS, Hours, RecurringHours, WeeklyHours
from beacon_service.zones.model import Zone, zone_key

# A zone's key, or (tag, site or None for any site): what a trigger names.
Place: TypeAlias = str | tuple[str, str | None]
Index: TypeAlias = Mapping[tuple[Place, str, int | None], tuple[Campaign, ...]]
# By campaign, offer and slice of the audience.
Learned: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Tries]]]
_Entry: TypeAlias = tuple[Place, str, int | None]


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Programme:
    """Campaigns and contact policy as of one version of the configuration."""

    campaigns: Mapping[str, Campaign] = field(default_factory=_nothing)
    policy: Policy = field(default_factory=Policy)
    _by_trigger: Index = field(repr=False, default_factory=_nothing)
    _dwells: Mapping[Place, frozenset[int]] = field(repr=False, default_factory=_nothing)
    audiences: Audiences = field(default_factory=Audiences)
    stock: Mapping[str, StockLevel] = field(repr=False, default_factory=_nothing)  # by "site/product"
    learned: Learned = field(repr=False, default_factory=_nothing)

    def updated(self, changes: Documents) -> "Programme":
        """The programme with the changes applied."""
        policy = self.policy
        for _, body in changes.of("policy"):
            policy = Policy() if body is None else policy_of(body)
        campaigns = dict(self.campaigns)
        for key, body in changes.of("campaign"):
            if body is None:
                campaigns.pop(key, None)
            else:
                campaigns[key] = campaign_of(body)
        audiences = self.audiences.updated(changes)
        if changes.names("campaign", "audience"):
            for key, predicate in audiences.of_campaigns():
                campaigns[key] = replace(campaigns[key], audience=predicate)
        return Programme(
            MappingProxyType(campaigns),
            policy,
            _by_trigger(campaigns.values()),
            _dwell_thresholds(campaigns.values()),
            audiences,
            self._stock_after(changes),
            self._learned_after(changes),
        )

    def learned_body(self, campaign: str) -> Body:
        """What is published of a campaign's tries, as a document."""
        found = self.learned.get(campaign, {})
        offers = {
            offer: {part: list(tries) for part, tries in parts.items()} for offer, parts in found.items()
        }
        return {"offers": offers}

    def _learned_after(self, changes: Documents) -> Learned:
        if not changes.names("propensity"):
            return self.learned
        learned = dict(self.learned)
        for key, body in changes.of("propensity"):
            offers = body["offers"] if body is not None else {}
            learned[key] = {
                offer: {part: Tries(*tries) for part, tries in parts.items()}
                for offer, parts in offers.items()
            }
        return MappingProxyType(learned)

    def _stock_after(self, changes: Documents) -> Mapping[str, StockLevel]:
        if not changes.names("stock"):
            return self.stock
        stock = dict(self.stock)
        for key, body in changes.of("stock"):
            if body is None:
                stock.pop(key, None)
            else:
                stock[key] = StockLevel(body["quantity"], datetime.fromisoformat(body["at"]))
        return MappingProxyType(stock)

    def candidates(self, zone: Zone, move: str, dwell_s: int | None) -> tuple[Campaign, ...]:
        """The campaigns whose trigger names this zone and move, by id; drafts are nobody's candidates."""
        found = {
            campaign.id: campaign
            for place in _places(zone)
            for campaign in self._by_trigger.get((place, move, dwell_s), ())
        }
        return tuple(found[campaign_id] for campaign_id in sorted(found))

    def after_event(self, kind: str) -> tuple[Campaign, ...]:
        """The published campaigns that an event of that type triggers, by id."""
        return tuple(one for one in self._published() if one.trigger.event == kind)

    def of_absence(self) -> tuple[Campaign, ...]:
        """The published campaigns that an absence triggers, by id."""
        return tuple(one for one in self._published() if one.trigger.absent_days is not None)

    def _published(self) -> list[Campaign]:
        return [
            self.campaigns[key] for key in sorted(self.campaigns) if self.campaigns[key].status == "published"
        ]

    def dwells(self, zone: Zone) -> tuple[int, ...]:
        """The thresholds that a stay in the zone arms: its own and published campaigns', ascending."""
        thresholds = set(zone.dwell_s).union(*(self._dwells.get(place, ()) for place in _places(zone)))
        return tuple(sorted(thresholds))


def _places(zone: Zone) -> list[Place]:
    tagged = [(tag, site) for tag in zone.tags for site in (zone.site, None)]
    return [zone.key, *tagged]


def _named(trigger: Trigger) -> list[Place]:
    return [*trigger.zones, *((tag, trigger.site) for tag in trigger.tags)]


def _by_trigger(campaigns: Iterable[Campaign]) -> Index:
    index: dict[_Entry, tuple[Campaign, ...]] = {}
    for campaign in campaigns:
        if campaign.status in {"draft", "archived"} or campaign.trigger.move is None:
            continue
        for place in _named(campaign.trigger):
            key: _Entry = (place, campaign.trigger.move, campaign.trigger.dwell_s)
            index[key] = (*index.get(key, ()), campaign)
    return MappingProxyType(index)


def _dwell_thresholds(campaigns: Iterable[Campaign]) -> Mapping[Place, frozenset[int]]:
    thresholds: dict[Place, frozenset[int]] = {}
    for campaign in campaigns:
        if campaign.status != "published" or campaign.trigger.dwell_s is None:
            continue
        for place in _named(campaign.trigger):
            thresholds[place] = thresholds.get(place, frozenset()) | {campaign.trigger.dwell_s}
    return MappingProxyType(thresholds)


def policy_of(body: Body) -> Policy:
    quiet = body.get("quiet")
    return Policy(
        caps=tuple(_cap(cap) for cap in body["caps"]),
        hold_out=body["hold_out"],
        blackouts=_blackouts(body),
        min_gap=_seconds(body.get("min_gap_s")),
        suppression=_suppression(body.get("suppression")),
        quiet=None if quiet is None else _quiet(quiet),
        time_zone=ZoneInfo(body.get("time_zone") or "UTC"),
    )


def campaign_of(body: Body) -> Campaign:
    """The campaign that a document of the log describes; the document was checked when it was accepted."""
    campaign = _campaign_of(body)
    return replace(campaign, rules=rules_for(campaign))


def _campaign_of(body: Body) -> Campaign:
    return Campaign(
        id=CampaignId(body["id"]),
        revision=body["revision"],
        name=body["name"],
        status=body["status"],
        priority=body["priority"],
        channel=body.get("channel", "app"),
        starts_at=_instant(body.get("starts_at")),
        ends_at=_instant(body.get("ends_at")),
        trigger=_trigger(body["trigger"]),
        audience=compile_rule(body["audience"]) if body.get("audience") else None,
        dayparts=tuple(_daypart(daypart) for daypart in body["dayparts"]),
        caps=tuple(_cap(cap) for cap in body["caps"]),
        budget=_budget(body.get("budget")),
        hold_out=body["hold_out"],
        obeys_policy=body["obeys_policy"],
        counts_towards_policy=body["counts_towards_policy"],
        offers=tuple(_offer(offer) for offer in body["offers"]),
        kind=body.get("kind") or "promotion",
        tags=frozenset(body.get("tags") or ()),
        blackouts=_blackouts(body),
        min_gap=_seconds(body.get("min_gap_s")),
        suppression=_suppression(body.get("suppression")),
        group=body.get("group"),
        fallback=body.get("fallback") or False,
        value=body.get("value") or 1.0,
        lever=body.get("lever") or 1.0,
        learning=Learning(learn["goal"], learn.get("by")) if (learn := body.get("learn")) else None,
        shares=_shares(body),
    )


def _shares(body: Body) -> bool:
    shared = any(cap["subject"] != "customer" for cap in body["caps"]) or body.get("budget") is not None
    return shared or any((offer.get("codes") or {}).get("pool") for offer in body["offers"])


def _instant(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _trigger(body: Body) -> Trigger:
    return Trigger(
        move=body.get("move"),
        zones=frozenset(zone_key(zone["site"], zone["zone"]) for zone in body.get("zones") or ()),
        tags=frozenset(body.get("tags") or ()),
        site=body.get("site"),
        dwell_s=body.get("dwell_s"),
        nth=body.get("nth"),
        event=body.get("event"),
        absent_days=body.get("absent_days"),
        delay=timedelta(seconds=body.get("delay_s") or 0),
        still_there=body.get("recheck") == "still_in_zone",
        good_for=_seconds(body.get("good_for_s")),
    )


def _daypart(body: Body) -> Hours:
    if body.get("rule"):
        starts_on = date.fromisoformat(body["starts_on"])
        return RecurringHours.read(body["rule"], starts_on, body["from"], body["to"])
    return _weekly(tuple(body["days"]), body["from"], body["to"])


@lru_cache(maxsize=10_000)
def _weekly(days: tuple[str, ...], start: str, end: str) -> WeeklyHours:
    """One object for all campaigns of the same hours: a moment asks each only once."""
    return WeeklyHours.read(days, start, end)


def _blackouts(body: Body) -> tuple[Blackout, ...]:
    days = [(one["from"], one["to"]) for one in body.get("blackouts") or ()]
    return tuple(Blackout(date.fromisoformat(first), date.fromisoformat(last)) for first, last in days)


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _suppression(body: Body | None) -> Suppression | None:
    if body is None:
        return None
    within, silence = timedelta(days=body["within_days"]), timedelta(days=body["silence_days"])
    return Suppression(body["dismissals"], within, silence)


def _quiet(body: Body) -> Quiet:
    hours = WeeklyHours.read(body.get("days") or DAYS, body["from"], body["to"])
    return Quiet(hours, body["tz"], body["then"])


def _cap(body: Body) -> Cap:
    window = body["window"]
    return Cap(
        scope=body["scope"],
        subject=body["subject"],
        limit=body["limit"],
        counts=body["counts"],
        window=Window(
            window["kind"], window["n"], window["unit"], DAYS.index(window.get("week_start") or "mon")
        ),
        tz=body["tz"],
        name=body.get("tag") or body.get("channel"),
    )


def _budget(body: Body | None) -> Budget | None:
    if body is None:
        return None
    return Budget(
        total=body.get("total"),
        per_day=body.get("per_day"),
        of=body.get("of") or "offers",
        per_site=body.get("per_site") or False,
        even=body.get("pacing") == "even",
    )


def _offer(body: Body) -> Offer:
    codes = body.get("codes") or {}
    recipe = codes.get("generated")
    return Offer(
        id=body["id"],
        title=body["title"],
        body=body["body"],
        image_url=body.get("image_url"),
        link=body.get("link"),
        code=body.get("code"),
        expires_after=timedelta(seconds=body["expires_after_s"]),
        weight=body.get("weight") or 1.0,
        cost=body.get("cost") or 0,
        content=content_of(body),
        pool=codes.get("pool"),
        recipe=None if recipe is None else Recipe(recipe["prefix"], recipe["length"]),
        products=tuple(body.get("products") or ()),
        stock_max_age=timedelta(seconds=body.get("stock_max_age_s") or 86_400),
    )
