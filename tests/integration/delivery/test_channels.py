"""A campaign's offers go to the app, to the brand's servers or to the phone's push service - by one way."""

import pytest

from tests.factories.catalogue import campaign_document, square, zone_document
from tests.factories.shop import Shop


@pytest.fixture
def shop(app, clock):
    return Shop(app, clock)


def decided_by(shop, channel):
    """The answer to a ping that entered the café, where a campaign by that channel wins."""
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document(channel=channel)])
    return shop.ping(shop.phone(), "1")


def inbox(shop):
    headers = {
        "Authorization": f"Bearer {shop.publishable}",
        "Beacon-Installation-Token": shop.tokens["phone"],
    }
    return shop.client.get("/v1/installations/phone/inbox", headers=headers).json["decisions"]


@pytest.mark.parametrize(
    ("channel", "answered", "waiting", "stored"),
    [("app", 1, 0, "response"), ("webhook", 0, 0, "webhook"), ("push", 0, 1, "push")],
)
def test_an_offer_reaches_the_app_once(shop, channel, answered, waiting, stored):
    answer = decided_by(shop, channel)
    assert len(answer["events"]) == 1
    assert len(answer["decisions"]) == answered
    assert len(inbox(shop)) == waiting
    assert shop.rows("SELECT channel FROM decisions") == [(stored,)]


def test_a_campaign_by_webhook_is_published_once_somebody_takes_its_offers(brand, receiver):
    brand.ask("PUT", "/v1/sites/shop", {"name": "Shop", "time_zone": "Europe/Amsterdam"})
    zone = {"name": "Café", "geometry": square()}
    assert brand.ask("PUT", "/v1/sites/shop/zones/cafe", zone).status_code == 201
    body = {
        "name": "Coffee",
        "channel": "webhook",
        "trigger": {"move": "entered", "zones": [{"site": "shop", "zone": "cafe"}]},
        "offers": [{"id": "coffee", "title": "Coffee", "body": "On us."}],
    }

    def put(status):
        return brand.ask("PUT", "/v1/campaigns/coffee", body | {"status": status})

    assert put("draft").status_code == 201
    brand.ask("PUT", "/v1/campaigns/tea", body | {"status": "draft"})
    for name, fields in {"off": {"enabled": False}, "others": {"campaigns": ["tea"]}}.items():
        brand.ask("PUT", f"/v1/webhooks/{name}", {"url": receiver.url()} | fields)
    refused = put("published")
    assert [fault["where"] for fault in refused.json["errors"]] == ["/channel"]
    brand.ask("PUT", "/v1/webhooks/till", {"url": receiver.url(), "campaigns": ["coffee"]})
    published = put("published")
    assert (published.status_code, published.json["channel"]) == (200, "webhook")
