"""What a phone is told: a verdict for each ping, the moves they made, and the offers decided at them."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import Struct

from beacon_service.campaigns.decision import Decision
from beacon_service.campaigns.model import Offer
from beacon_service.engine import Event, Told

# Codes of customers are at least as long. A shorter one may be part of any word, and is known to everybody.
SHORTEST_HIDDEN = 4


class OfferOut(Struct, frozen=True):
    """An offer as the app shows it."""

    title: str
    body: str
    image_url: str | None
    link: str | None
    code: str | None

    @classmethod
    def of(cls, offer: Offer) -> "OfferOut":
        return cls(offer.title, offer.body, offer.image_url, offer.link, offer.code)

    def without_code(self) -> "OfferOut":
        """The code neither by itself nor where it stands in a text."""
        if self.code is None or len(self.code) < SHORTEST_HIDDEN:
            return msgspec.structs.replace(self, code=None)
        return OfferOut(
            title=_without(self.code, self.title),
            body=_without(self.code, self.body),
            image_url=self.image_url and _without(self.code, self.image_url),
            link=self.link and _without(self.code, self.link),
            code=None,
        )


def _without(code: str, text: str) -> str:
    return text.replace(code, "").replace(quote(code, safe=""), "")


class ResultOut(Struct, frozen=True):
    installation_id: str
    ping_id: str | None
    status: str
    reasons: Sequence[str] = ()
    detail: str | None = None


class EventOut(Struct, frozen=True):
    event_id: str
    installation_id: str
    type: str
    site: str
    zone: str
    at: datetime
    confidence: int
    dwell_s: int | None = None
    probability: float | None = None  # answers of earlier versions do not tell it


class DecisionOut(Struct, frozen=True):
    decision_id: str
    installation_id: str
    campaign: str
    offer: OfferOut
    expires_at: datetime


class StoredAnswer(Struct, frozen=True):
    """What a ping led to, kept with it for whoever asks again."""

    events: tuple[EventOut, ...] = ()
    decisions: tuple[DecisionOut, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.events or self.decisions)

    def at(self, now: datetime) -> "StoredAnswer":
        """As rendered then; an offer that has expired comes without its code."""
        return StoredAnswer(self.events, tuple(_without_expired_code(one, now) for one in self.decisions))


NOTHING = StoredAnswer()


class PingAnswer(Struct, frozen=True):
    results: Sequence[ResultOut]
    events: Sequence[EventOut]
    decisions: Sequence[DecisionOut]
    next_ping_after_s: int


_stored = msgspec.json.Decoder(StoredAnswer)


def stored_answer(encoded: bytes) -> StoredAnswer:
    return _stored.decode(encoded)


def answer_of(told: Told, installation_id: str) -> StoredAnswer:
    if not told.events and not told.decisions:  # most pings change nothing
        return NOTHING
    offers = (_decision(one, installation_id) for one in told.decisions)
    return StoredAnswer(
        events=tuple(_event(one, installation_id) for one in told.events),
        decisions=tuple(offer for offer in offers if offer is not None),
    )


def _event(event: Event, installation_id: str) -> EventOut:
    return EventOut(
        event_id=str(event.id),
        installation_id=installation_id,
        type=event.move.type,
        site=event.site,
        zone=event.zone,
        at=event.move.at,
        confidence=event.move.confidence,
        dwell_s=event.move.dwell_s,
        probability=round(event.move.probability, 4),
    )


def _decision(decision: Decision, installation_id: str) -> DecisionOut | None:
    if decision.offer is None or decision.campaign is None or decision.expires_at is None:
        return None
    if decision.channel in {"webhook", "push"}:  # it leaves by another way, and is not to be shown twice
        return None
    return DecisionOut(
        decision_id=str(decision.id),
        installation_id=installation_id,
        campaign=decision.campaign,
        offer=OfferOut.of(decision.offer),
        expires_at=decision.expires_at,
    )


def _without_expired_code(decision: DecisionOut, now: datetime) -> DecisionOut:
    if decision.expires_at > now or decision.offer.code is None:
        return decision
    return msgspec.structs.replace(decision, offer=decision.offer.without_code())
