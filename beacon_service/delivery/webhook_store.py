"""Webhooks and the salts of their secrets in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, insert, update

from beacon_service.configuration.shelf import Shelf
from beacon_service.db import Statement, round_trip
from beacon_service.delivery.orm import WebhookRow, WebhookSecretRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from beacon_service.configuration.model import Body
    from beacon_service.db import Connection


def _columns(body: Body) -> Mapping[str, Any]:
    return {name: body[name] for name in ("url", "enabled", "campaigns")}


WEBHOOKS = Shelf("webhook", WebhookRow, (WebhookRow.id,), WebhookRow.version, _columns)

# The newest first: it is the one that will be left.
ENABLED = """
SELECT w.id, w.url, s.salt
FROM webhooks AS w
JOIN webhook_secrets AS s ON s.webhook_id = w.id
WHERE w.enabled AND (s.ends_at IS NULL OR s.ends_at > %(now)s::timestamptz)
ORDER BY w.id, s.created_at DESC, s.salt
"""

TEST = """
INSERT INTO deliveries (message_id, channel, endpoint, body, next_at, expires_at, created_at)
VALUES (%(message)s::uuid, 'webhook', %(webhook)s::text, %(body)s::jsonb, %(now)s::timestamptz,
    %(expires)s::timestamptz, %(now)s::timestamptz)
"""


class Salted(NamedTuple):
    """One secret of an enabled webhook, as far as the database knows it."""

    id: str
    url: str
    salt: bytes


def enabled(connection: Connection, now: datetime) -> list[Salted]:
    (rows,) = round_trip(connection, [Statement(ENABLED, {"now": now})])
    return [Salted(*row) for row in rows]


def add_secret(session: Session, webhook: str, salt: bytes, *, now: datetime) -> None:
    session.execute(insert(WebhookSecretRow).values(webhook_id=webhook, salt=salt, created_at=now))


def end_secrets(session: Session, webhook: str, *, ends_at: datetime, now: datetime) -> None:
    """Those in use end then, unless they end earlier; what has ended is forgotten."""
    session.execute(
        update(WebhookSecretRow)
        .where(WebhookSecretRow.webhook_id == webhook, WebhookSecretRow.ends_at.is_(None))
        .values(ends_at=ends_at)
    )
    over = (WebhookSecretRow.webhook_id == webhook, WebhookSecretRow.ends_at <= now)
    session.execute(delete(WebhookSecretRow).where(*over))


def add_test(connection: Connection, row: Mapping[str, Any]) -> None:
    round_trip(connection, [Statement(TEST, row)])
