"""Every cap and budget, counted again at every offer.

One pass over the ledger for each rule, in the order of `seq`: what counts is put in (and taken out again where a
reservation was given back), and each offer that the rule binds is judged by what stood there just before it, at the
limit of the very version of the configuration that its decision names. So an excess that came otherwise (a lowered
cap, a merge, an outcome after its release) is none unless an offer is made on top of it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.torture.findings import Finding
from tests.torture.windows import UnjudgedError, stretch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tests.torture.ledger import Grant, Ledger


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound without its number. `campaign` is None where the grants of all campaigns count, those towards policy."""

    kind: str
    campaign: str | None
    subject: str
    counts: str
    window: tuple[tuple[str, Any], ...]
    tz: str

    def counted(self, grant: Grant) -> bool:
        """Whether the ledger's row belongs to this rule at all.

        What was held out was never sent: it counts towards that person's caps in that campaign, and nothing else.
        """
        if self.campaign is None:
            return grant.arm == "offered" and grant.policy
        return grant.campaign == self.campaign and (grant.arm == "offered" or self.subject == "customer")

    def subject_of(self, grant: Grant) -> object:
        return {"customer": grant.customer, "site": grant.site, "total": None}[self.subject]


def exceeded(ledger: Ledger) -> tuple[list[Finding], int]:
    """The offers that stand above a bound, and how many bounds could not be judged from the tables."""
    bound: dict[Rule, dict[int, int]] = defaultdict(dict)
    for place, grant in enumerate(ledger.grants):
        for rule, limit in _bounds(ledger, grant):
            # Written down twice with different limits, the lower one binds.
            bound[rule][place] = min(limit, bound[rule].get(place, limit))
    findings: list[Finding] = []
    unjudged = 0
    for rule, limits in bound.items():
        try:
            findings += _recount(ledger, rule, limits)
        except UnjudgedError:
            unjudged += len(limits)
    return findings, unjudged


def _bounds(ledger: Ledger, grant: Grant) -> Iterator[tuple[Rule, int]]:
    """What binds one offer in the version that its decision names."""
    if grant.arm != "offered" or grant.version is None:
        return
    body = ledger.configuration.as_of("campaign", grant.campaign, grant.version)
    if body is None:
        return
    for cap in body.get("caps") or ():
        yield _cap(cap, grant.campaign if cap["scope"] == "campaign" else None), cap["limit"]
    budget = body.get("budget") or {}
    for field, window in (("total", {"kind": "lifetime"}), ("per_day", {"kind": "calendar", "unit": "day"})):
        if budget.get(field) is not None:
            items = tuple(sorted(window.items()))
            # What nobody reported as delivered comes back when the offer expires, so a budget counts deliveries.
            yield Rule("budget", grant.campaign, "total", "delivered", items, "site"), budget[field]
    if body.get("obeys_policy", True):
        policy = ledger.configuration.as_of("policy", "policy", grant.version) or {}
        for cap in policy.get("caps") or ():
            yield _cap(cap, None), cap["limit"]


def _cap(cap: Mapping[str, Any], campaign: str | None) -> Rule:
    return Rule(
        kind="policy_cap" if campaign is None else f"{cap['subject']}_cap",
        campaign=campaign,
        subject=cap["subject"],
        counts=cap.get("counts", "decided"),
        window=tuple(sorted(cap["window"].items())),
        tz=cap.get("tz") or "site",
    )


def _recount(ledger: Ledger, rule: Rule, limits: Mapping[int, int]) -> Iterator[Finding]:
    standing: dict[object, list[datetime]] = defaultdict(list)
    for _, place, change in _events(ledger, rule):
        grant = ledger.grants[place]
        stands = standing[rule.subject_of(grant)]
        if place in limits and change == 0:
            start, end = stretch(dict(rule.window), grant.decided_at, _time_zone(ledger, rule, grant))
            before = bisect_left(stands, end) - bisect_left(stands, start)
            if before >= limits[place]:
                yield Finding(rule.kind, f"{_name(rule, grant)}: {before} before it, limit {limits[place]}")
        elif change > 0:
            insort(stands, grant.decided_at)
        elif change < 0:
            del stands[bisect_left(stands, grant.decided_at)]


def _events(ledger: Ledger, rule: Rule) -> list[tuple[int, int, int]]:
    """(seq, place in the ledger, change) in the order in which they befell; a change of 0 is the offer's judgement.

    Things of one seq keep the order written here: an offer is judged, then counted.
    """
    events = []
    for place, grant in enumerate(ledger.grants):
        if rule.campaign is not None and grant.campaign != rule.campaign:
            continue
        events.append((grant.seq, place, 0))
        if rule.counted(grant):
            events += [(seq, place, change) for seq, change in _counts(ledger, rule.counts, grant)]
    return sorted(events, key=lambda event: event[:2])


def _counts(ledger: Ledger, kind: str, grant: Grant) -> Iterator[tuple[int, int]]:
    """When one grant begins and ceases to count as that kind: reserved, given back, come true after all."""
    yield grant.seq, 1
    if kind == "decided" or grant.arm == "held_out":
        return
    release = ledger.releases.get(grant.decision_id)
    outcome = ledger.outcomes.get((grant.decision_id, kind))
    if release is None or (outcome is not None and outcome <= release):
        return
    yield release, -1
    if outcome is not None:
        yield outcome, 1


def _time_zone(ledger: Ledger, rule: Rule, grant: Grant) -> str:
    if rule.tz != "site":
        return rule.tz
    site = ledger.configuration.as_of("site", grant.site, grant.version or 0)
    return str(site["time_zone"]) if site else "UTC"


def _name(rule: Rule, grant: Grant) -> str:
    window = "-".join(str(value) for _, value in rule.window)
    return f"{grant.decision_id} of {grant.campaign}, {rule.subject} {rule.counts} {window}"
