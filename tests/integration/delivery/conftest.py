import threading
from ipaddress import ip_network

import pytest

from beacon_service.delivery.senders import sending
from beacon_service.settings import Settings
from tests.factories.catalogue import campaign_document, zone_document
from tests.factories.people import People
from tests.factories.receiver import Receiver

SECRET_KEY = "a secret key of the tests, which is long enough"


@pytest.fixture
def settings(database_url):
    """Webhooks of the tests live on this machine."""
    return Settings(
        database_url=database_url,
        allow_unsafe_database=True,
        secret_key=SECRET_KEY,
        webhook_networks=[ip_network("127.0.0.0/8")],
    )


@pytest.fixture
def brand(app, clock):
    return People(app, clock)


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def worker(engine, clock, settings):
    """What the worker sends with."""
    made = sending(engine, clock, settings, threading.Event())
    yield made
    made.close()


@pytest.fixture
def shop(brand):
    """A café whose campaign goes by webhook."""
    brand.configure(
        zones=[zone_document("cafe")],
        campaigns=[
            campaign_document("coffee", channel="webhook"),
            campaign_document("tea", channel="webhook"),
        ],
    )
    with brand.connect() as connection:
        connection.execute(
            "INSERT INTO campaigns (id, status, revision, body, version)"
            " SELECT key, 'published', 1, body, version FROM catalogue_log WHERE kind = 'campaign'"
        )
    return brand


@pytest.fixture
def webhook(shop, receiver):
    """A webhook at the receiver, called till; its secret."""
    made = shop.ask("PUT", "/v1/webhooks/till", {"url": receiver.url()})
    assert made.status_code == 201, made.text
    return made.json["secret"]


@pytest.fixture
def pause(shop):
    """Pauses the campaigns by webhook, of which otherwise none may be left without one."""

    def end():
        shop.configure(
            campaigns=[
                campaign_document(name, channel="webhook", status="paused", revision=2)
                for name in ("coffee", "tea")
            ]
        )

    return end
