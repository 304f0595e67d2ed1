"""Keys, tokens and who stands behind a request. Values only.

Keys and tokens are 256 random bits, so that one plain hash of them is as safe to keep as a slow one: there is
nothing to guess. The plain text is shown once, when it is made, and kept nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from beacon_service.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

KeyKind = Literal["publishable", "secret"]
Scope = Literal[
    "configure",  # sites, zones, beacons, campaigns, the contact policy
    "customers",  # customers: identify, export, erase
    "ping",  # pings for many installations
    "read",  # decisions, moves, reports
    "outcomes",  # what only the brand can know: redeemed
]

SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIXES: dict[KeyKind, str] = {"publishable": "pk_", "secret": "sk_"}
TOKEN_PREFIX = "it_"  # noqa: S105 - the mark of a token, not one
TOKEN_HEADER = "Beacon-Installation-Token"  # noqa: S105 - the name of a header

_SECRET = re.compile(r"(?:pk|sk|it)_[A-Za-z0-9_-]{43}")
_BYTES = 32


class KeyRecord(NamedTuple):
    """A key as `KEY_SQL` answers it."""

    id: str
    kind: str
    scopes: Sequence[str]
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """On whose behalf a request acts."""

    key_id: str
    kind: KeyKind
    scopes: frozenset[str]
    # The hash of the installation token that came along, if any: proven only by `check_token`.
    token_hash: bytes | None = None
    # The installation that the request names and may act for, once `requires_installation` has checked it.
    installation_key: int | None = None

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"

    @property
    def actor(self) -> str:
        """Who did it, for logs of configuration and consent."""
        return f"key:{self.key_id}"

    def require(self, scope: Scope) -> None:
        """Forbidden unless this is a secret key with the scope."""
        if not self.is_secret:
            raise Forbidden("This needs a secret key; a publishable one came.", code="secret_key_required")
        if scope not in self.scopes:
            raise Forbidden(f"This needs a key with the scope {scope}.", code="scope_missing")


def new_key(kind: KeyKind) -> tuple[str, bytes]:
    """A fresh key: its plain text and the hash to keep."""
    return _fresh(PREFIXES[kind])


def new_token() -> tuple[str, bytes]:
    """A fresh installation token: its plain text and the hash to keep."""
    return _fresh(TOKEN_PREFIX)


def secret_hash(secret: str) -> bytes:
    """SHA-256 of a whole key or token, as `api_keys.key_hash` and `installations.token_hash` keep it."""
    return hashlib.sha256(secret.encode()).digest()


def bearer_hash(header: str | None) -> bytes:
    """The hash of the key in an Authorization header; Unauthenticated if there is none of the right form."""
    if not header:
        raise Unauthenticated("Send the key as Authorization: Bearer pk_... or sk_...")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not _SECRET.fullmatch(key) or key.startswith(TOKEN_PREFIX):
        raise Unauthenticated("Send the key as Authorization: Bearer pk_... or sk_...")
    return secret_hash(key)


def token_hash(header: str | None) -> bytes | None:
    """The hash of the token in a Beacon-Installation-Token header; None if there is no well-formed one."""
    if header is None or not (_SECRET.fullmatch(header) and header.startswith(TOKEN_PREFIX)):
        return None
    return secret_hash(header)


def check_key(row: Sequence[Any] | None, now: datetime, token: bytes | None = None) -> Principal:
    """Who holds this key; Unauthenticated if it is not valid now. `row` is that of `KEY_SQL`, or None."""
    if row is None:
        raise Unauthenticated("This key is not known here.")
    key = KeyRecord(*row)
    if key.revoked_at is not None and key.revoked_at <= now:
        raise Unauthenticated("This key was revoked. Use another.", code="key_revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise Unauthenticated("This key has expired. Use its successor.", code="key_expired")
    kind: KeyKind = "secret" if key.kind == "secret" else "publishable"
    return Principal(key.id, kind, frozenset(key.scopes), token)


def check_token(sent: bytes | None, kept: bytes | None, *, revoked_at: datetime | None = None) -> None:
    """Whether the token that came is that of the installation; `kept` is None where there is no such one.

    Answers the same for a wrong token and for an installation that does not exist: ids cannot be probed.
    """
    if sent is None:
        raise Unauthenticated(f"Send the installation's token in {TOKEN_HEADER}.", code="token_missing")
    if kept is None or revoked_at is not None or not hmac.compare_digest(sent, kept):
        raise Forbidden("The token does not belong to this installation.", code="token_wrong")


def _fresh(prefix: str) -> tuple[str, bytes]:
    secret = prefix + secrets.token_urlsafe(_BYTES)
    return secret, secret_hash(secret)
