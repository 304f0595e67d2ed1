"""Editing webhooks, and their secrets. The caller commits."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from beacon_service.campaigns.reach import reached_only_by
from beacon_service.campaigns.store import CAMPAIGNS
from beacon_service.configuration import service as configuration
from beacon_service.configuration.schema import Flaw, refuse_document
from beacon_service.configuration.store import Session, lock
from beacon_service.delivery import webhook_store as store
from beacon_service.delivery.signing import SALT_BYTES, derived
from beacon_service.delivery.webhook_schema import url_flaws
from beacon_service.delivery.webhook_store import WEBHOOKS
from beacon_service.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from beacon_service.configuration.model import Body, Edit, Saved
    from beacon_service.db import Connection
    from beacon_service.settings import Settings

# A test is for somebody who waits and watches.
TEST_LIVES = timedelta(minutes=10)


def put(
    session: Session, webhook: str, body: Body, edit: Edit, settings: Settings
) -> tuple[Saved, str | None]:
    """Create or replace a webhook; with the secret where it was just made."""
    key = secret_key(settings)
    lock(session)
    refuse_document(_flaws(session, body, settings))
    saved = configuration.put(session, WEBHOOKS, webhook, body, edit)
    return saved, _new_secret(session, webhook, key, edit.at) if saved.created else None


def delete(session: Session, webhook: str, edit: Edit) -> None:
    """What waits for it will not be sent any more. Conflict while published campaigns have no other to go to."""
    lock(session)
    if bereft := reached_only_by(session, webhook):
        raise Conflict(
            f"These published campaigns would have no webhook left that takes their offers: {', '.join(bereft)}. "
            "Pause or end them first, or let another webhook take them."
        )
    configuration.delete(session, WEBHOOKS, webhook, edit)


def rotate(
    session: Session, webhook: str, overlap: timedelta, *, now: datetime, settings: Settings
) -> tuple[str, datetime]:
    """The new secret, and when the former one ends."""
    key = secret_key(settings)
    lock(session)
    configuration.require(session, WEBHOOKS, webhook)
    ends_at = now + overlap
    store.end_secrets(session, webhook, ends_at=ends_at, now=now)
    return _new_secret(session, webhook, key, now), ends_at


def disable(session: Session, webhook: str, why: str, edit: Edit) -> None:
    """The receiver wants no more. Nothing happens where it was changed or deleted meanwhile."""
    lock(session)
    if not configuration.exists(session, WEBHOOKS, webhook):
        return
    found = configuration.require(session, WEBHOOKS, webhook).body
    if found["enabled"]:
        body = {**found, "enabled": False, "disabled_because": why}
        configuration.put(session, WEBHOOKS, webhook, body, edit)


def test(connection: Connection, webhook: str, enabled: bool, now: datetime) -> UUID:
    """A message that says nothing, to see it arrive; its id."""
    if not enabled:
        raise Conflict(f"The webhook {webhook} is disabled: enable it first.")
    message_id = uuid4()
    row = {
        "message": message_id,
        "webhook": webhook,
        "body": {"webhook": webhook},
        "now": now,
        "expires": now + TEST_LIVES,
    }
    store.add_test(connection, row)
    return message_id


def secret_key(settings: Settings) -> str:
    if settings.secret_key is None:
        raise Conflict(
            "This service has no key to derive secrets from: set BEACON_SECRET_KEY and start it again."
        )
    return settings.secret_key.get_secret_value()


def _new_secret(session: Session, webhook: str, key: str, now: datetime) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    store.add_secret(session, webhook, salt, now=now)
    return derived(key, webhook, salt)


def _flaws(session: Session, body: Body, settings: Settings) -> Iterator[Flaw]:
    yield from url_flaws(body["url"], settings.webhook_networks)
    for number, campaign in enumerate(body["campaigns"]):
        if not configuration.exists(session, CAMPAIGNS, campaign):
            what, do = f"names {campaign}, which there is not", f"PUT /v1/campaigns/{campaign} first."
            yield Flaw(("campaigns", number), what, do)
