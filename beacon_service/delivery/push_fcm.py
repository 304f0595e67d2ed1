"""Firebase Cloud Messaging, HTTP v1: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import jwt
import msgspec

from beacon_service.delivery.client import Unsent
from beacon_service.delivery.outbox import Attempt
from beacon_service.delivery.push import fitted
from beacon_service.delivery.webhooks import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from beacon_service.delivery.client import Answer, Client
    from beacon_service.delivery.outbox import Address
    from beacon_service.delivery.push import Notice

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Google's tokens live an hour; one that ends while a message is under way is no use.
ASSERTION_LIVES = timedelta(hours=1)
MARGIN = timedelta(minutes=1)
# A message may take 4096 bytes; what goes around the text is Google's to add.
MOST_BYTES = 3800


class ServiceAccount(msgspec.Struct, frozen=True):
    """What Firebase hands out as a JSON file; the fields that are needed of it."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str
    token_uri: str

    @classmethod
    def read(cls, path: Path) -> ServiceAccount:
        """OSError or msgspec.MsgspecError where there is none."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def assertion(self, now: datetime) -> str:
        """Who asks for a token (RFC 7523)."""
        claims = {
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIVES).timestamp()),
        }
        return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"kid": self.private_key_id})


class _Token(NamedTuple):
    text: str
    ends_at: datetime


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: int = 3600


class FcmCarrier:
    """One project. Its token is asked for once and kept for as long as it is good."""

    def __init__(self, client: Client, account: ServiceAccount, url: str) -> None:
        self._client = client
        self._account = account
        self._url = f"{url.rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        self._token: _Token | None = None
        self._asking: asyncio.Lock | None = None

    async def carry(self, notice: Notice, address: Address, now: datetime) -> Attempt:
        try:
            token = await self._valid_token(now)
            if isinstance(token, Attempt):
                return token
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            body = fitted(notice, message_to(address.token, now), MOST_BYTES)
            answer = await self._client.post(self._url, headers, body)
        except Unsent as unsent:
            return Attempt("retry", error=str(unsent))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._token = None
        return judged(answer, now)

    async def close(self) -> None:
        await self._client.close()

    async def _valid_token(self, now: datetime) -> str | Attempt:
        self._asking = self._asking or asyncio.Lock()
        async with self._asking:
            if self._token is None or self._token.ends_at - MARGIN <= now:
                granted = await self._ask_for_token(now)
                if isinstance(granted, Attempt):
                    return granted
                self._token = granted
            return self._token.text

    async def _ask_for_token(self, now: datetime) -> _Token | Attempt:
        form = urlencode({"grant_type": GRANT, "assertion": self._account.assertion(now)})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._client.post(self._account.token_uri, headers, form.encode())
        if 400 <= answer.status < 500 and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            return Attempt(
                "credentials", answer.status, "Google does not know the service account or its key"
            )
        if answer.status != HTTPStatus.OK:
            error = f"Google's token server answered {answer.status}"
            return Attempt("retry", answer.status, error, retry_after(answer, now))
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except msgspec.MsgspecError:
            return Attempt(
                "retry", answer.status, "Google's token server answered something else than a token"
            )
        return _Token(granted.access_token, now + timedelta(seconds=granted.expires_in))


def message_to(token: str, now: datetime) -> Callable[[Notice], dict[str, Any]]:
    """Writes a notice for that phone."""

    def write(notice: Notice) -> dict[str, Any]:
        shown = {"title": notice.title, "body": notice.body, "image": notice.image_url}
        data = {
            "message_id": notice.message_id,
            "decision_id": notice.decision_id,
            "link": notice.link,
            "expires_at": notice.expires_at.isoformat(),
        }
        return {
            "message": {
                "token": token,
                "notification": _said(shown),
                "data": _said(data),
                "android": {"ttl": f"{notice.lives_s(now)}s", "priority": "HIGH"},
            }
        }

    return write


class _Detail(msgspec.Struct):
    errorCode: str | None = None  # noqa: N815 - as Google spells it


class _Error(msgspec.Struct):
    status: str = ""
    details: list[_Detail] = []


class _Refusal(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


def judged(answer: Answer, now: datetime) -> Attempt:
    """By FCM's own error code where there is one, else by the status."""
    status = answer.status
    if status == HTTPStatus.OK:
        return Attempt("sent", status)
    code = _code(answer.body)
    error = f"FCM answered {status} {code}".rstrip()
    if code == "UNREGISTERED" or status == HTTPStatus.NOT_FOUND:
        return Attempt("gone", status, "the phone is not registered with FCM any more")
    if code == "THIRD_PARTY_AUTH_ERROR" or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Attempt("refused" if code == "SENDER_ID_MISMATCH" else "credentials", status, error)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
        return Attempt("retry", status, error, retry_after(answer, now))
    return Attempt("refused", status, error)


def _code(body: bytes) -> str:
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except msgspec.MsgspecError:
        return ""
    return next((one.errorCode for one in error.details if one.errorCode), error.status)


def _said(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
