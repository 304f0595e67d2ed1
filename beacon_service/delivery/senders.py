"""What sends by which channel, put together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beacon_service.delivery.carriers import carriers
from beacon_service.delivery.client import Client
from beacon_service.delivery.push import PushSender
from beacon_service.delivery.sending import Sending, Ways
from beacon_service.delivery.webhooks import WebhookSender

if TYPE_CHECKING:
    import threading

    from sqlalchemy import Engine

    from beacon_service.clock import Clock
    from beacon_service.delivery.sending import Sender
    from beacon_service.delivery.webhooks import Endpoint
    from beacon_service.settings import Settings


def sending(engine: Engine, clock: Clock, settings: Settings, stopped: threading.Event) -> Sending:
    """Everything that a worker sends with; to be closed when it stops."""
    endpoints: dict[str, Endpoint] = {}
    to_webhooks = Client(settings.webhook_networks, ca_file=settings.delivery_ca_file)
    senders: dict[str, Sender] = {
        "webhook": WebhookSender(to_webhooks, endpoints),
        "push": PushSender(carriers(settings)),
    }
    key = settings.secret_key.get_secret_value() if settings.secret_key else None
    return Sending(engine, clock, Ways(senders, endpoints, key), stopped)
