"""Sending a message to one of the brand's servers, and what its answer means."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from beacon_service.delivery.client import Unsent
from beacon_service.delivery.outbox import Attempt
from beacon_service.delivery.signing import headers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from beacon_service.delivery.client import Answer, Client
    from beacon_service.delivery.outbox import Delivery

USER_AGENT = "beacon-service"


class Endpoint(NamedTuple):
    """A webhook as it is at the moment. `repr` is never logged: it holds the secrets."""

    url: str
    secrets: tuple[str, ...]  # the newest first; more than one while they overlap


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Sends by one client; `endpoints` are kept up to date by whoever takes the deliveries."""

    client: Client
    endpoints: Mapping[str, Endpoint] = field(repr=False)

    async def send(self, delivery: Delivery, now: datetime) -> Attempt:
        endpoint = self.endpoints.get(delivery.endpoint)
        if endpoint is None:
            return Attempt("retry", error="the webhook was disabled or deleted meanwhile")
        if not endpoint.secrets:
            return Attempt("credentials", error="BEACON_SECRET_KEY is not set: nothing can be signed")
        body = message(delivery)
        signed = headers(endpoint.secrets, str(delivery.message_id), now, body)
        about = {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Accept": "*/*"}
        try:
            answer = await self.client.post(endpoint.url, about | signed, body.encode())
        except Unsent as unsent:
            return Attempt("retry", error=str(unsent))
        return judged(answer, now)

    async def close(self) -> None:
        await self.client.close()


def message(delivery: Delivery) -> str:
    """The body: the same text at every attempt."""
    kind = "webhook.test" if delivery.decision_id is None else "offer.decided"
    said = {"type": kind, "timestamp": delivery.created_at, "data": msgspec.Raw(delivery.body)}
    return msgspec.json.encode(said).decode()


def judged(answer: Answer, now: datetime) -> Attempt:
    """2xx is taken; 410 means never again; a redirect is not followed; all else is tried again."""
    status = answer.status
    if 200 <= status < 300:
        return Attempt("sent", status)
    if status == 410:
        return Attempt("gone", status, "the receiver says that it is gone: the webhook was disabled")
    if 300 <= status < 400:
        return Attempt(
            "retry", status, "the receiver redirects, and redirects are not followed: change the URL"
        )
    return Attempt("retry", status, f"the receiver answered {status}", retry_after(answer, now))


def retry_after(answer: Answer, now: datetime) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3): "120", or a date."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isdecimal() and said.isascii() and len(said) < 10:
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
