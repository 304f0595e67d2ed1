"""Apple Push Notification service over HTTP/2, with a provider token.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
import msgspec

from beacon_service.delivery.client import Unsent
from beacon_service.delivery.outbox import Attempt
from beacon_service.delivery.push import fitted
from beacon_service.delivery.webhooks import retry_after

if TYPE_CHECKING:
    from beacon_service.delivery.client import Answer, Client
    from beacon_service.delivery.outbox import Address
    from beacon_service.delivery.push import Notice

# Apple refuses tokens older than an hour, and those that change more often than every 20 minutes.
TOKEN_LIVES = timedelta(minutes=40)
MOST_BYTES = 4096

# What says that our token, topic or certificate is wrong, and nothing of the phone.
OURS = frozenset(
    {
        "BadCertificate",
        "BadCertificateEnvironment",
        "BadTopic",
        "ExpiredProviderToken",
        "Forbidden",
        "InvalidProviderToken",
        "MissingProviderToken",
        "MissingTopic",
        "TopicDisallowed",
        "UnrelatedKeyIdInToken",
        "BadEnvironmentKeyIdInToken",
    }
)


class ApnsKey(NamedTuple):
    """What Apple's developer account hands out: a key of the team, and the app that it is for."""

    private_key: str  # the .p8 file: a P-256 key as PEM
    key_id: str
    team_id: str
    topic: str  # the app's bundle id

    def token(self, now: datetime) -> str:
        claims = {"iss": self.team_id, "iat": int(now.timestamp())}
        return jwt.encode(claims, self.private_key, algorithm="ES256", headers={"kid": self.key_id})


class ApnsCarrier:
    """One app. `client` speaks HTTP/2 and nothing else."""

    def __init__(self, client: Client, key: ApnsKey, url: str) -> None:
        self._client = client
        self._key = key
        self._url = url.rstrip("/")
        self._token: tuple[str, datetime] | None = None

    async def carry(self, notice: Notice, address: Address, now: datetime) -> Attempt:
        if not address.token.isalnum() or not address.token.isascii():
            return Attempt("refused", error="the phone's token is not one of APNs")
        headers = {
            "authorization": f"bearer {self._valid_token(now)}",
            "apns-id": notice.message_id,
            "apns-topic": self._key.topic,
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(int(notice.expires_at.timestamp())),
            "content-type": "application/json",
        }
        body = fitted(notice, written, MOST_BYTES)
        try:
            answer = await self._client.post(f"{self._url}/3/device/{address.token}", headers, body)
        except Unsent as unsent:
            return Attempt("retry", error=str(unsent))
        attempt = judged(answer, now)
        if attempt.outcome == "credentials":
            self._token = None
        return attempt

    async def close(self) -> None:
        await self._client.close()

    def _valid_token(self, now: datetime) -> str:
        if self._token is None or now - self._token[1] >= TOKEN_LIVES:
            self._token = self._key.token(now), now
        return self._token[0]


def written(notice: Notice) -> dict[str, Any]:
    aps: dict[str, Any] = {"alert": {"title": notice.title, "body": notice.body}, "sound": "default"}
    if notice.image_url is not None:
        aps["mutable-content"] = 1  # the app's extension fetches it before it is shown
    ours = {
        "decision_id": notice.decision_id,
        "message_id": notice.message_id,
        "link": notice.link,
        "image_url": notice.image_url,
    }
    return {"aps": aps} | {name: value for name, value in ours.items() if value is not None}


class _Refusal(msgspec.Struct):
    reason: str = ""


def judged(answer: Answer, now: datetime) -> Attempt:
    status, reason = answer.status, _reason(answer.body)
    if status == HTTPStatus.OK:
        return Attempt("sent", status)
    error = f"APNs answered {status} {reason}".rstrip()
    if status == HTTPStatus.GONE:
        return Attempt("gone", status, "the phone is not registered with APNs any more")
    if reason in OURS or status == HTTPStatus.FORBIDDEN:
        return Attempt("credentials", status, error)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        return Attempt("retry", status, error, retry_after(answer, now))
    return Attempt("refused", status, error)


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refusal).reason
    except msgspec.MsgspecError:
        return ""
