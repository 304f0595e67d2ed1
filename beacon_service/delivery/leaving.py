"""What of a step's decisions leaves the service, and what it says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beacon_service.delivery.outbox import Leaving

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from beacon_service.campaigns.decision import Decision


def leaving(decisions: Iterable[Decision], now: datetime) -> list[Leaving]:
    """The offers that go by webhook or push, in the order in which they were decided."""
    return [_leaving(one, now) for one in decisions if one.channel in {"webhook", "push"}]


def _leaving(decision: Decision, now: datetime) -> Leaving:
    assert decision.channel is not None, "it leaves"
    assert decision.campaign is not None, "only offers leave"
    assert decision.expires_at is not None, "every offer expires"
    moment = decision.moment
    return Leaving(
        decision_id=decision.id,
        customer_key=moment.customer_key,
        installation_key=moment.installation_key,
        channel=decision.channel,
        campaign=decision.campaign,
        body=_body(decision, now),
        expires_at=decision.expires_at,
        everywhere=not moment.site,
    )


def _body(decision: Decision, now: datetime) -> dict[str, Any]:
    """What the receiver is told; the store adds who it is for, by the ids that the brand knows."""
    moment, offer = decision.moment, decision.offer
    assert offer is not None, "only offers leave"
    return {
        "decision_id": str(decision.id),
        "campaign": decision.campaign,
        "revision": decision.revision,
        "offer": {
            "id": offer.id,
            "title": offer.title,
            "body": offer.body,
            "image_url": offer.image_url,
            "link": offer.link,
            "code": offer.code,
        },
        "site": moment.site,
        "zone": moment.zone,
        "move": moment.move,
        "at": moment.at,
        "decided_at": now,
        "expires_at": decision.expires_at,
    }
