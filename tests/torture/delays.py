"""Moments that were put off: each is decided once, or waits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.torture.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.ledger import Decision, Ledger
    from tests.torture.records import Acknowledged


def waited_for(ledger: Ledger, decision: Decision) -> list[str]:
    """The delayed campaigns that the decision decides, or finds too late; at the moment itself they are put off."""
    named = {*decision.reasons, *([decision.campaign] if decision.campaign else [])}
    return [
        campaign
        for campaign in named
        if decision.reasons.get(campaign) != "delayed" and _is_delayed(ledger, campaign, decision.version)
    ]


def delays_kept(ledger: Ledger, _: Acknowledged) -> Iterator[Finding]:
    """By campaign: what was put off, against what waits and what was decided of it.

    `stale` is said of a moment that is too old to be put off and of one that is too old to be decided; they cannot be
    told apart, so those that are count only where that speaks for the service. A campaign that was deleted takes what
    waits for it along.
    """
    put_off, decided, stale = Counter[str](), Counter[str](), Counter[str]()
    for decision in ledger.decisions:
        put_off.update(campaign for campaign, reason in decision.reasons.items() if reason == "delayed")
        for campaign in waited_for(ledger, decision):
            (stale if decision.reasons.get(campaign) == "stale" else decided)[campaign] += 1
    for campaign in sorted(put_off | decided | ledger.waiting):
        if any(body is None or not _delay(body) for body in ledger.configuration.ever("campaign", campaign)):
            continue
        known = decided[campaign] + ledger.waiting[campaign]
        said = f"{campaign}: {put_off[campaign]} put off, {known} decided or waiting, {stale[campaign]} stale"
        if put_off[campaign] > known + stale[campaign]:
            yield Finding("waiting_lost", said)
        if put_off[campaign] < known:
            yield Finding("waiting_doubled", said)


def _is_delayed(ledger: Ledger, campaign: str, version: int) -> bool:
    body = ledger.configuration.as_of("campaign", campaign, version)
    return body is not None and _delay(body)


def _delay(body: object) -> bool:
    trigger = body.get("trigger") if isinstance(body, dict) else None
    return bool(trigger and trigger.get("move") and trigger.get("delay_s"))
