"""Web Push: a browser's own push service (RFC 8030), encrypted for the browser (RFC 8291), signed by us (RFC 8292)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from beacon_service.delivery.client import RefusedAddress, Unsent
from beacon_service.delivery.outbox import Attempt
from beacon_service.delivery.push import fitted
from beacon_service.delivery.webhooks import retry_after

if TYPE_CHECKING:
    from beacon_service.delivery.client import Answer, Client
    from beacon_service.delivery.outbox import Address
    from beacon_service.delivery.push import Notice

# RFC 8292 allows a day; half of it leaves room for clocks that differ.
TOKEN_LIVES = timedelta(hours=12)
# RFC 8030: services take 4096 bytes; RFC 8291: 103 of them are salt, key and tag.
MOST_BYTES = 4096 - 103


class VapidKey(NamedTuple):
    """Who sends, as push services know it."""

    private_key: ec.EllipticCurvePrivateKey
    subject: str  # mailto: or https:, where the push service can complain

    @classmethod
    def of(cls, pem: bytes, subject: str) -> VapidKey:
        """ValueError unless it is a P-256 key."""
        key = load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the key is not one of the curve P-256")  # noqa: TRY004 - it comes from a file
        return cls(key, subject)

    @property
    def public(self) -> str:
        """As the browser is given it to subscribe with."""
        point = self.private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return urlsafe_b64encode(point).decode().rstrip("=")

    def token(self, origin: str, now: datetime) -> str:
        claims = {"aud": origin, "exp": int((now + TOKEN_LIVES).timestamp()), "sub": self.subject}
        return jwt.encode(claims, self.private_key, algorithm="ES256")


class WebPushCarrier:
    """All browsers' services, each by the address that the browser gave. `client` looks at these addresses."""

    def __init__(self, client: Client, key: VapidKey) -> None:
        self._client = client
        self._key = key
        self._tokens: dict[str, tuple[str, datetime]] = {}

    async def carry(self, notice: Notice, address: Address, now: datetime) -> Attempt:
        try:
            sealed = encrypted(fitted(notice, written, MOST_BYTES), address)
        except (ValueError, TypeError, http_ece.ECEException):
            return Attempt("refused", error="the browser's keys make no sense")
        headers = {
            "Authorization": f"vapid t={self._valid_token(address.token, now)}, k={self._key.public}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(notice.lives_s(now)),
            "Urgency": "high",
            # 32 characters of base64url: a repetition takes the place of the first, if that is still waiting.
            "Topic": notice.message_id.replace("-", ""),
        }
        try:
            answer = await self._client.post(address.token, headers, sealed)
        except RefusedAddress as refused:
            return Attempt("refused", error=str(refused))
        except Unsent as unsent:
            return Attempt("retry", error=str(unsent))
        return judged(answer, now)

    async def close(self) -> None:
        await self._client.close()

    def _valid_token(self, url: str, now: datetime) -> str:
        """One for each push service; there are a handful of them."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        kept = self._tokens.get(origin)
        if kept is None or now - kept[1] >= TOKEN_LIVES / 2:
            if len(self._tokens) >= 1000:  # somebody makes them up
                self._tokens.clear()
            kept = self._tokens[origin] = self._key.token(origin, now), now
        return kept[0]


def written(notice: Notice) -> dict[str, Any]:
    """What the page's service worker is handed; showing it is its part."""
    said = {
        "message_id": notice.message_id,
        "decision_id": notice.decision_id,
        "title": notice.title,
        "body": notice.body,
        "image_url": notice.image_url,
        "link": notice.link,
        "expires_at": notice.expires_at.isoformat(),
    }
    return {name: value for name, value in said.items() if value is not None}


def encrypted(content: bytes, address: Address) -> bytes:
    """For the browser alone, by a key that is used this once. ValueError where its keys make no sense."""
    if address.p256dh is None or address.auth is None:
        raise ValueError("there are no keys")
    sealed: bytes = http_ece.encrypt(
        content,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=unpadded(address.p256dh),
        auth_secret=unpadded(address.auth),
        version="aes128gcm",
    )
    return sealed


def unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def judged(answer: Answer, now: datetime) -> Attempt:
    status = answer.status
    if 200 <= status < 300:
        return Attempt("sent", status)
    error = f"the push service answered {status}"
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return Attempt("gone", status, "the browser is not subscribed any more")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Attempt("credentials", status, error)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        return Attempt("retry", status, error, retry_after(answer, now))
    return Attempt("refused", status, error)
