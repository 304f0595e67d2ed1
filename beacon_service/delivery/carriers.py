"""The push services that the settings name, each with a client of its own kind."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import msgspec
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from beacon_service.delivery.client import Client
from beacon_service.delivery.push import SETTING, Unusable
from beacon_service.delivery.push_apns import ApnsCarrier, ApnsKey
from beacon_service.delivery.push_fcm import FcmCarrier, ServiceAccount
from beacon_service.delivery.push_web import VapidKey, WebPushCarrier

if TYPE_CHECKING:
    from collections.abc import Callable

    from beacon_service.delivery.push import Carrier
    from beacon_service.settings import Settings

log = structlog.get_logger()

# What the operator names is the operator's to name; only what others name is looked at.
ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def carriers(settings: Settings) -> dict[str, Carrier]:
    """By provider. One whose settings make no sense is told of at once, and its messages wait."""
    makers: dict[str, Callable[[Settings], Carrier | None]] = {"fcm": _fcm, "apns": _apns, "webpush": _web}
    found: dict[str, Carrier] = {}
    for provider, make in makers.items():
        try:
            made = make(settings)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm, msgspec.MsgspecError) as error:
            why = f"{SETTING[provider]} cannot be used: {error}"
            log.warning("push is not set up", provider=provider, why=why)
            made = Unusable(why)
        if made is not None:
            found[provider] = made
    return found


def _fcm(settings: Settings) -> Carrier | None:
    if settings.fcm_credentials_file is None:
        return None
    account = ServiceAccount.read(settings.fcm_credentials_file)
    load_pem_private_key(account.private_key.encode(), None)
    return FcmCarrier(Client(ANYWHERE, ca_file=settings.delivery_ca_file), account, settings.fcm_url)


def _apns(settings: Settings) -> Carrier | None:
    if settings.apns_key_file is None:
        return None
    named = (settings.apns_key_id, settings.apns_team_id, settings.apns_topic)
    if None in named:
        raise ValueError("set BEACON_APNS_KEY_ID, BEACON_APNS_TEAM_ID and BEACON_APNS_TOPIC with it")
    pem = settings.apns_key_file.read_text()
    load_pem_private_key(pem.encode(), None)
    key = ApnsKey(pem, *(name or "" for name in named))
    client = Client(ANYWHERE, ca_file=settings.delivery_ca_file, http2=True)
    return ApnsCarrier(client, key, settings.apns_url)


def _web(settings: Settings) -> Carrier | None:
    if settings.web_push_key_file is None:
        return None
    if not settings.web_push_subject:
        raise ValueError("set BEACON_WEB_PUSH_SUBJECT with it")
    key = VapidKey.of(settings.web_push_key_file.read_bytes(), settings.web_push_subject)
    client = Client(settings.web_push_networks, ca_file=settings.delivery_ca_file)
    return WebPushCarrier(client, key)
