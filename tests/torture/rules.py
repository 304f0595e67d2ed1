"""What binds an offer, read from the configuration as it stood in the version that its decision names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.torture.windows import UnjudgedError, Window, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tests.torture.ledger import Configuration, Grant

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# What is given out evenly may run ahead by so much.
AHEAD = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound without its number. `campaign` is None where the grants of all campaigns count, those towards policy."""

    kind: str
    campaign: str | None
    subject: str
    counts: str
    window: Window
    tz: str
    offer: str | None = None  # of several, the one that it is about
    tag: str | None = None
    channel: str | None = None
    money: bool = False

    @property
    def name(self) -> str:
        about = (self.offer, self.tag, self.channel, "money" if self.money else None)
        words = [self.subject, *(word for word in about if word), self.counts, *map(str, self.window)]
        return " ".join(words)

    def counted(self, grant: Grant) -> bool:
        """Whether the ledger's row belongs to this rule at all.

        What was held out was never sent: it counts towards that person's caps in that campaign, whichever of several
        offers they are of, and nothing else.
        """
        if self.campaign is None:
            of_tag = self.tag is None or self.tag in grant.tags
            of_channel = self.channel is None or self.channel == grant.channel
            return grant.arm == "offered" and grant.policy and of_tag and of_channel
        if grant.campaign != self.campaign:
            return False
        if grant.arm == "held_out":
            return self.subject == "customer" and self.kind != "gap"
        return self.offer is None or self.offer == grant.offer

    def weight(self, grant: Grant) -> int:
        return grant.cost if self.money else 1

    def subject_of(self, grant: Grant, customer: int) -> object:
        return {"customer": customer, "site": grant.site, "total": None}[self.subject]

    def stretch(self, configuration: Configuration, grant: Grant) -> tuple[datetime, datetime]:
        """From when to when grants count with this one; UnjudgedError where the tables do not tell."""
        follows_clocks = self.window.kind == "calendar"
        time_zone = self._time_zone(configuration, grant) if follows_clocks else "UTC"
        return stretch(self.window, grant.decided_at, time_zone)

    def periods(self, configuration: Configuration, grant: Grant) -> Iterator[datetime]:
        """When those periods began that a row is kept of: what is shared by all sites, by the clocks of each."""
        if self.tz == "site" and self.subject == "total":
            zones = {*configuration.time_zones("site", grant), *configuration.time_zones("policy", grant)}
            yield from {stretch(self.window, grant.decided_at, zone)[0] for zone in zones}
        else:
            yield self.stretch(configuration, grant)[0]

    def _time_zone(self, configuration: Configuration, grant: Grant) -> str:
        if self.tz == "organisation":
            policy = configuration.as_of("policy", "policy", grant.version or 0) or {}
            return str(policy.get("time_zone") or "UTC")
        if self.tz == "customer" or (self.tz == "site" and grant.site is None):
            raise UnjudgedError("what the phone's clocks said is not kept with the decision")
        if self.tz != "site":
            return self.tz
        site = configuration.as_of("site", str(grant.site), grant.version or 0)
        return str(site["time_zone"]) if site else "UTC"


class Bound(NamedTuple):
    rule: Rule
    limit: int
    even: bool = False  # so much of it as of its day is gone


class Bounds:
    """Every bound that one offer had to keep, with its number at that moment."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        # Thousands of offers are made by a few versions of a few campaigns.
        self._known: dict[tuple[str, int], list[Bound]] = {}

    def __call__(self, grant: Grant) -> Iterator[tuple[Rule, int]]:
        if grant.arm != "offered" or grant.version is None:
            return
        key = (grant.campaign, grant.version)
        if key not in self._known:
            self._known[key] = self._read(*key)
        for bound in self._known[key]:
            if _is_about(bound.rule, grant):
                limit = _paced(self._configuration, bound, grant) if bound.even else bound.limit
                yield bound.rule, limit

    def _read(self, campaign: str, version: int) -> list[Bound]:
        body = self._configuration.as_of("campaign", campaign, version)
        if body is None:
            return []
        found = list(own_bounds(campaign, body))
        if body.get("obeys_policy", True):
            found += policy_bounds(self._configuration.as_of("policy", "policy", version) or {})
        return found


def own_bounds(campaign: str, body: Mapping[str, Any]) -> Iterator[Bound]:
    """Caps, gap and budgets of a campaign; a cap of each offer is one for each.

    What nobody reported as delivered comes back when the offer expires, so a budget counts deliveries.
    """
    for cap in body.get("caps") or ():
        if cap["scope"] == "offer":
            for offer in body.get("offers") or ():
                yield Bound(_cap(cap, campaign, kind="offer_cap", offer=offer["id"]), cap["limit"])
        else:
            of_campaign = cap["scope"] == "campaign"
            kind = f"{cap['subject']}_cap" if of_campaign else "policy_cap"
            yield Bound(_cap(cap, campaign if of_campaign else None, kind=kind), cap["limit"])
    yield from _gap(campaign, body)
    budget = body.get("budget") or {}
    subject, money = "site" if budget.get("per_site") else "total", budget.get("of") == "cost"
    for name, kind in (("total", "lifetime"), ("per_day", "calendar")):
        if budget.get(name) is not None:
            rule = Rule("budget", campaign, subject, "delivered", Window(kind), "site", money=money)
            yield Bound(rule, budget[name], kind == "calendar" and budget.get("pacing") == "even")


def policy_bounds(body: Mapping[str, Any]) -> Iterator[Bound]:
    for cap in body.get("caps") or ():
        kind = {"tag": "tag_cap", "channel": "channel_cap"}.get(cap["scope"], "policy_cap")
        yield Bound(_cap(cap, None, kind=kind, tag=cap.get("tag"), channel=cap.get("channel")), cap["limit"])
    yield from _gap(None, body)


def _is_about(rule: Rule, grant: Grant) -> bool:
    return (
        (rule.offer is None or rule.offer == grant.offer)
        and (rule.tag is None or rule.tag in grant.tags)
        and (rule.channel is None or rule.channel == grant.channel)
    )


def _gap(campaign: str | None, body: Mapping[str, Any]) -> Iterator[Bound]:
    seconds = body.get("min_gap_s")
    if seconds is not None:
        yield Bound(
            Rule("gap", campaign, "customer", "decided", Window("rolling", seconds, "second"), "site"), 1
        )


def _paced(configuration: Configuration, bound: Bound, grant: Grant) -> int:
    """The part of a day's budget that may be gone, rounded up, in whole microseconds and so without error."""
    try:
        start, end = bound.rule.stretch(configuration, grant)
    except UnjudgedError:
        return bound.limit
    step = timedelta(microseconds=1)
    gone, whole = (grant.decided_at - start + AHEAD) // step, (end - start) // step
    return min(bound.limit, -(-bound.limit * gone // whole))


def _cap(cap: Mapping[str, Any], campaign: str | None, **about: Any) -> Rule:
    window = cap["window"]
    week_start = DAYS.index(window.get("week_start") or "mon")
    return Rule(
        campaign=campaign,
        subject=cap["subject"],
        counts=cap.get("counts") or "decided",
        window=Window(window["kind"], window.get("n") or 1, window.get("unit") or "day", week_start),
        tz=cap.get("tz") or "site",
        **about,
    )
