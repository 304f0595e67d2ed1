"""Campaigns and the contact policy built from their documents, which were checked when they were accepted."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from beacon_service.campaigns.audience import compile_rule
from beacon_service.campaigns.caps import unused
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
    Product,
    Quiet,
    Recipe,
    Suppression,
    Trigger,
    Window,
)
from beacon_service.campaigns.verdict import rules_of_campaign
from beacon_service.configuration.model import Body
from beacon_service.hours import DAYS, Hours, RecurringHours, WeeklyHours
from beacon_service.zones.model import zone_key


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
    return replace(campaign, unused=unused(campaign), rules=rules_of_campaign(campaign))


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
        context=tuple(body.get("context", ("affinity",))),
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
        already_absent=body.get("include_already_absent") or False,
        delay=timedelta(seconds=body.get("delay_s") or 0),
        still_there=body.get("recheck") is not None,
        good_for=_seconds(body.get("good_for_s")),
        within_m=body.get("within_m"),
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
    return _shared_cap(
        Cap(
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
    )


@lru_cache(maxsize=10_000)
def _shared_cap(cap: Cap) -> Cap:
    """One object for all campaigns that say the same."""
    return cap


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


def product_of(body: Body) -> Product:
    return Product(body["id"], body["name"], tuple(body["tags"]), body.get("price"), body.get("currency"))


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
