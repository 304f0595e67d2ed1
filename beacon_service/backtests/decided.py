"""A decision as it is kept, so that what was recorded and what a replay comes to can be laid side by side."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from beacon_service.campaigns.decision import Decision
from beacon_service.pings.answer import OfferOut


class Charged(msgspec.Struct, frozen=True, array_like=True):
    """One campaign that the moment was charged to."""

    campaign: str
    arm: str
    offer_id: str | None
    policy: bool
    tags: list[str]
    channel: str | None
    cost: int
    slice: str | None
    code: str | None


class Decided(msgspec.Struct, frozen=True):
    """What was chosen at a moment. Offer, reasons, counts, draws, refusals and scores are JSON as it is stored."""

    moment_key: UUID
    decision_id: UUID
    installation_key: int
    site: str | None
    zone: str | None
    move: str
    dwell_s: int | None
    within_m: int | None
    visit: int
    at: datetime
    decided_at: datetime
    version: int
    campaign: str | None
    revision: int | None
    offer_id: str | None
    offer: dict[str, Any] | None
    channel: str | None
    expires_at: datetime | None
    reasons: dict[str, str]
    counts: list[Any]
    draws: dict[str, Any]
    refusals: list[str]
    scores: dict[str, float]
    grants: list[Charged]
    customer_key: int  # of a recorded one: whoever that is today


# The fields of which each is compared.
FIELDS = Decided.__struct_fields__[:-1]


def decided(decision: Decision, now: datetime, version: int) -> Decided:
    """As the rows of `decisions` and `grants` tell it."""
    moment, offer = decision.moment, decision.offer
    return Decided(
        moment_key=moment.key,
        decision_id=decision.id,
        installation_key=moment.installation_key,
        site=moment.site or None,
        zone=moment.zone or None,
        move=moment.move,
        dwell_s=moment.dwell_s,
        within_m=moment.within_m,
        visit=moment.visit,
        at=moment.at,
        decided_at=now,
        version=version,
        campaign=decision.campaign,
        revision=decision.revision,
        offer_id=offer.id if offer else None,
        offer=msgspec.to_builtins(OfferOut.of(offer)) if offer else None,
        channel=decision.channel,
        expires_at=decision.expires_at,
        reasons=dict(decision.reasons),
        counts=[list(one) for one in decision.counts],
        draws={name: list(drawn) for name, drawn in decision.draws.items()},
        refusals=list(decision.refusals),
        scores=dict(decision.scores),
        grants=sorted(_charged(decision), key=lambda one: one.campaign),
        customer_key=moment.customer_key,
    )


def _charged(decision: Decision) -> list[Charged]:
    offer = decision.offer
    own_code = offer.code if offer is not None and offer.takes_code else None
    return [
        Charged(
            grant.campaign,
            grant.arm,
            grant.offer_id,
            grant.policy,
            list(grant.tags),
            grant.channel,
            grant.cost,
            grant.slice,
            own_code if grant.arm == "offered" else None,
        )
        for grant in decision.grants
    ]


def differences(one: Decided, other: Decided) -> Mapping[str, tuple[Any, Any]]:
    """By field, what it is in the one and in the other, where that is not the same."""
    pairs = ((name, getattr(one, name), getattr(other, name)) for name in FIELDS)
    return {name: (here, there) for name, here, there in pairs if here != there}
