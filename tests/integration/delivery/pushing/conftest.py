"""A shop whose offers go by push, to services on this machine that speak the real ones' protocols."""

import threading
from ipaddress import ip_network

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from beacon_service.delivery.senders import sending
from beacon_service.settings import Settings
from tests.factories.catalogue import campaign_document, offer_document, zone_document
from tests.factories.certificates import authority
from tests.factories.push_services import KEY_ID, TEAM_ID, TOPIC, Apns, Fcm, pem
from tests.factories.pushed import LINK
from tests.factories.receiver import Receiver


@pytest.fixture
def fcm():
    made = Fcm()
    yield made
    made.close()


@pytest.fixture
def ours(tmp_path):
    return authority(tmp_path)


@pytest.fixture
def apns(ours):
    made = Apns(ours.context("localhost"))
    yield made
    made.close()


@pytest.fixture
def browsers():
    """A browser's push service."""
    made = Receiver(usual=(201, {}))
    yield made
    made.close()


@pytest.fixture
def set_up(fcm, apns, ours, tmp_path, database_url):
    """Settings of a service that can push by all three; some said otherwise."""
    vapid = tmp_path / "vapid.pem"
    vapid.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    named = {
        "database_url": database_url,
        "allow_unsafe_database": True,
        "delivery_ca_file": ours.ca_file,
        "fcm_credentials_file": fcm.account(tmp_path),
        "fcm_url": fcm.url(""),
        "apns_key_file": apns.key_file(tmp_path),
        "apns_key_id": KEY_ID,
        "apns_team_id": TEAM_ID,
        "apns_topic": TOPIC,
        "apns_url": apns.url,
        "web_push_key_file": vapid,
        "web_push_subject": "mailto:ops@shop.example",
        "web_push_networks": [ip_network("127.0.0.0/8")],
    }
    return lambda **fields: Settings(**(named | fields))


@pytest.fixture
def worker_with(engine, clock):
    """Workers by their settings, closed at the end."""
    made = []

    def work(settings):
        made.append(sending(engine, clock, settings, threading.Event()))
        return made[-1]

    yield work
    for one in made:
        one.close()


@pytest.fixture
def worker(worker_with, set_up):
    return worker_with(set_up())


@pytest.fixture
def shop(brand):
    offer = offer_document(link=LINK, code="CUP", image_url="https://shop.example/cup.png")
    brand.configure(
        zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", channel="push", offers=[offer])]
    )
    return brand
