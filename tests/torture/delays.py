"""Moments that were put off: each is decided once, or waits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.torture.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.ledger import Decision, Ledger
    from tests.torture.records import Acknowledged


# What may be said of a moment when it would be put off and when it is decided.
AT_EITHER_TIME = ("stale", "visit", "no_consent", "not_live")


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

    A moment that is too old, or of somebody who does not consent, is not put off in the first place, and may be too old
    when it is decided; the two cannot be told apart, so they count only where that speaks for the service. A campaign
    that was deleted takes what waits for it along. What goes with a phone that is revoked, or handed to another known
    customer, is not judged here: nobody does either where this is asked.
    """
    put_off, decided, unsure = Counter[str](), Counter[str](), Counter[str]()
    for decision in ledger.decisions:
        put_off.update(campaign for campaign, reason in decision.reasons.items() if reason == "delayed")
        for campaign in waited_for(ledger, decision):
            (unsure if decision.reasons.get(campaign) in AT_EITHER_TIME else decided)[campaign] += 1
    for campaign in sorted(put_off | decided | ledger.waiting):
        if any(body is None or not _delay(body) for body in ledger.configuration.ever("campaign", campaign)):
            continue
        known = decided[campaign] + ledger.waiting[campaign]
        said = (
            f"{campaign}: {put_off[campaign]} put off, {known} decided or waiting, {unsure[campaign]} unsure"
        )
        if put_off[campaign] > known + unsure[campaign]:
            yield Finding("waiting_lost", said)
        if put_off[campaign] < known:
            yield Finding("waiting_doubled", said)


def _is_delayed(ledger: Ledger, campaign: str, version: int) -> bool:
    body = ledger.configuration.as_of("campaign", campaign, version)
    return body is not None and _delay(body)


def _delay(body: object) -> bool:
    trigger = body.get("trigger") if isinstance(body, dict) else None
    return bool(trigger and trigger.get("move") and trigger.get("delay_s"))
