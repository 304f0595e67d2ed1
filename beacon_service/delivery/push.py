"""Offers as they go to phones, whatever push service carries them.

A notice says what is shown and where it leads, and names the decision. It carries no code and no place: those are the
app's to fetch from its inbox, and none of the carrier's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from beacon_service.delivery.outbox import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from beacon_service.delivery.outbox import Address, Delivery

# What each service needs to be set up; its name is told to whoever looks at a message that waits for it.
SETTING = {
    "fcm": "BEACON_FCM_CREDENTIALS_FILE",
    "apns": "BEACON_APNS_KEY_FILE",
    "webpush": "BEACON_WEB_PUSH_KEY_FILE",
}


class Notice(NamedTuple):
    """One offer for one phone."""

    message_id: str
    decision_id: str
    title: str
    body: str
    image_url: str | None
    link: str | None
    expires_at: datetime

    def lives_s(self, now: datetime) -> int:
        """For how long the carrier may keep it for a phone that is off; at least a second."""
        return max(1, int((self.expires_at - now).total_seconds()))


class Carrier(Protocol):
    """One push service."""

    async def carry(self, notice: Notice, address: Address, now: datetime) -> Attempt: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PushSender:
    """Sends by the service that the phone is registered with now."""

    carriers: Mapping[str, Carrier]

    async def send(self, delivery: Delivery, now: datetime) -> Attempt:
        address = delivery.push
        if address is None:
            return Attempt(
                "refused", error="the phone has no push address any more; the offer is in its inbox"
            )
        carrier = self.carriers.get(address.provider)
        if carrier is not None:
            return await carrier.carry(notice_of(delivery), address, now)
        if address.provider in SETTING:
            return Attempt(
                "credentials", error=f"{SETTING[address.provider]} is not set: nothing can be sent"
            )
        return Attempt("refused", error="the phone's push service is not one that the service knows")

    async def close(self) -> None:
        for carrier in self.carriers.values():
            await carrier.close()


@dataclass(frozen=True, slots=True)
class Unusable:
    """A carrier whose settings make no sense: its messages wait until somebody mends them."""

    why: str

    async def carry(self, notice: Notice, address: Address, now: datetime) -> Attempt:
        del notice, address, now
        return Attempt("credentials", error=self.why)

    async def close(self) -> None:
        """Nothing was opened."""


class _Offer(msgspec.Struct):
    title: str
    body: str
    image_url: str | None = None
    link: str | None = None


class _Body(msgspec.Struct):
    decision_id: str
    offer: _Offer
    expires_at: datetime


def notice_of(delivery: Delivery) -> Notice:
    body = msgspec.json.decode(delivery.body, type=_Body)
    offer = body.offer
    return Notice(
        message_id=str(delivery.message_id),
        decision_id=body.decision_id,
        title=offer.title,
        body=offer.body,
        image_url=offer.image_url,
        link=offer.link,
        expires_at=body.expires_at,
    )


def fitted(notice: Notice, write: Callable[[Notice], Any], most_bytes: int) -> bytes:
    """The notice as JSON of at most so many bytes: carriers refuse longer ones.

    The picture goes first, then the end of the text; the app has both from its inbox. A title of 200 characters and a
    link of 2048 fit into what is left.
    """
    for one in (notice, notice._replace(image_url=None)):
        whole = msgspec.json.encode(write(one))
        if len(whole) <= most_bytes:
            return whole
    shortest, longest = 0, len(notice.body)
    bare = notice._replace(image_url=None)
    while shortest < longest:  # the longest beginning that fits
        middle = (shortest + longest + 1) // 2
        fits = len(msgspec.json.encode(write(bare._replace(body=_cut(notice.body, middle))))) <= most_bytes
        shortest, longest = (middle, longest) if fits else (shortest, middle - 1)
    return msgspec.json.encode(write(bare._replace(body=_cut(notice.body, shortest))))


def _cut(text: str, length: int) -> str:
    return text if length >= len(text) else text[:length].rstrip() + "…"
