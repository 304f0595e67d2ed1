"""Keys in the database: made, listed, rotated, revoked, and looked up by every request.

Nothing of a key is cached between requests: one indexed row is cheap, and a revocation must hold at once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from beacon_service.auth.model import SCOPES, KeyKind, Scope, new_key
from beacon_service.auth.orm import KeyRow
from beacon_service.errors import Conflict, Invalid, NotFound, fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

# For any cursor of psycopg: parameter key_hash, columns as `model.KeyRecord`.
KEY_SQL = "SELECT id, kind, scopes, expires_at, revoked_at FROM api_keys WHERE key_hash = %(key_hash)s"

# Many keys at once, each behind its hash.
KEYS_SQL = """
SELECT key_hash, id, kind, scopes, expires_at, revoked_at
FROM api_keys WHERE key_hash = ANY(%(hashes)s::bytea[])
"""

# The same key, and beside it the installation that the address names, in the same round trip.
KEY_AND_INSTALLATION_SQL = """
SELECT k.id, k.kind, k.scopes, k.expires_at, k.revoked_at, i.key, i.token_hash, i.revoked_at
FROM api_keys k LEFT JOIN installations i ON i.id = %(installation_id)s
WHERE k.key_hash = %(key_hash)s
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as an operator sees it: everything but the key."""

    id: str
    kind: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def create_key(
    session: Session, *, kind: KeyKind, name: str, at: datetime, scopes: Sequence[str] | None = None
) -> str:
    """Make a key and answer its plain text, which is not kept; a secret key gets all scopes unless told."""
    granted = _granted(kind, scopes)
    plain, key_hash = new_key(kind)
    session.add(
        KeyRow(id=_fresh_id(), kind=kind, name=name, key_hash=key_hash, scopes=granted, created_at=at)
    )
    session.flush()
    return plain


def list_keys(session: Session) -> list[Key]:
    rows = session.scalars(select(KeyRow).order_by(KeyRow.created_at, KeyRow.id))
    return [_key(row) for row in rows]


def revoke_key(session: Session, key_id: str, *, at: datetime) -> None:
    """Stop a key from the next request on; doing it again changes nothing. NotFound if there is none."""
    row = _locked(session, key_id)
    if row.revoked_at is None:
        row.revoked_at = at
        session.flush()


def rotate_key(session: Session, key_id: str, overlap: timedelta, *, at: datetime) -> str:
    """A successor of the same kind, name and scopes; the old key goes on for `overlap` at most.

    Conflict if the old one does not work any more: a stolen key that was revoked must not bear another.
    """
    row = _locked(session, key_id)
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        raise Conflict(f"The key {key_id} is revoked or expired. Create a new one instead.")
    ends_at = at + overlap
    row.expires_at = ends_at if row.expires_at is None else min(row.expires_at, ends_at)
    kind: KeyKind = "secret" if row.kind == "secret" else "publishable"
    return create_key(session, kind=kind, name=row.name, at=at, scopes=row.scopes)


def find_key(session: Session, key_hash: bytes) -> Sequence[Any] | None:
    """The row of `KEY_SQL`, in one query."""
    found = session.connection().exec_driver_sql(KEY_SQL, {"key_hash": key_hash}).one_or_none()
    return None if found is None else tuple(found)


def find_key_and_installation(
    session: Session, key_hash: bytes, installation_id: str
) -> tuple[Sequence[Any] | None, tuple[int | None, bytes | None, datetime | None]]:
    """The key's row as above, and the installation's key, token hash and revocation, in one query."""
    # What cannot be stored names nobody; that it is no id is for the view to say.
    named = None if "\0" in installation_id else installation_id
    found = (
        session.connection()
        .exec_driver_sql(KEY_AND_INSTALLATION_SQL, {"key_hash": key_hash, "installation_id": named})
        .one_or_none()
    )
    if found is None:
        return None, (None, None, None)
    return tuple(found[:5]), (found[5], found[6], found[7])


def _granted(kind: KeyKind, scopes: Sequence[str] | None) -> list[str]:
    if kind == "publishable":
        if scopes:
            raise Invalid(
                "A publishable key has no scopes.",
                errors=[fault("scopes", "stands on a publishable key", "Leave it out.")],
            )
        return []
    unknown = [scope for scope in scopes or () if scope not in SCOPES]
    if unknown:
        raise Invalid(
            f"There is no scope {', '.join(unknown)}.",
            errors=[fault("scopes", "names an unknown scope", f"Choose from {', '.join(SCOPES)}.")],
        )
    chosen: tuple[Scope, ...] | Sequence[str] = SCOPES if scopes is None else scopes
    return [scope for scope in SCOPES if scope in chosen]


def _locked(session: Session, key_id: str) -> KeyRow:
    row = session.scalar(select(KeyRow).where(KeyRow.id == key_id).with_for_update())
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return row


def _key(row: KeyRow) -> Key:
    return Key(row.id, row.kind, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.revoked_at)


def _fresh_id() -> str:
    """Public and short, for an operator to type; 48 bits are plenty for the keys of one installation."""
    return f"key_{secrets.token_hex(6)}"
