"""Texts with values over HTTP: told once, told again as they were, kept as they were shown, and gone with the person."""

import pytest

from tests.factories.brand import Brand, campaign_body, faults
from tests.factories.catalogue import campaign_document, offer_document, zone_document
from tests.factories.shop import Shop
from tests.integration.identity.test_erase import traces

TITLE = "{{ customer.attributes.first_name }}, a cup?"
FALLBACK = {"title": "A cup?", "body": "On us"}


@pytest.fixture
def shop(app, clock):
    shop = Shop(app, clock)
    offer = offer_document(title=TITLE, fallback=FALLBACK)
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document(offers=[offer])])
    return shop


@pytest.fixture
def brand(app, clock):
    brand = Brand(app, clock)
    brand.open_shop()
    return brand


def ask(shop, method, path, body=None):
    headers = {"Authorization": f"Bearer {shop.secret}"}
    return shop.client.open(f"/v1{path}", method=method, json=body, headers=headers)


def test_what_was_told_stays_as_it_was_told(shop):
    phone = shop.phone("anna", attributes={"first_name": "Anna"})
    body = shop.ping_body("1")
    (told,) = shop.post(phone, body).json["decisions"]
    assert told["offer"]["title"] == "Anna, a cup?"
    assert ask(shop, "PUT", "/customers/of-anna", {"attributes": {"first_name": "Anne"}}).status_code == 200
    assert shop.post(phone, body).json["decisions"] == [told]
    assert ask(shop, "GET", f"/decisions/{told['decision_id']}").json["offer"] == told["offer"]


def test_hostile_values_change_neither_the_host_nor_the_lines_of_a_title(shop):
    hostile = "Eve\r\n\u202e{{ site.id }}\x07<b>"
    link = "https://shop.example/{{ customer.attributes.first_name }}"
    offer = offer_document(title=TITLE, link=link, fallback=FALLBACK)
    shop.configure(campaigns=[campaign_document(offers=[offer])])
    (told,) = shop.ping(shop.phone("eve", attributes={"first_name": hostile}), "1")["decisions"]
    assert told["offer"]["title"] == "Eve {{ site.id }}<b>, a cup?"
    assert told["offer"]["link"] == "https://shop.example/Eve%E2%80%AE%7B%7B%20site.id%20%7D%7D%3Cb%3E"


def test_a_name_in_a_text_is_gone_with_its_customer(shop):
    shop.ping(shop.phone("anna", attributes={"first_name": "Annabella-Q"}), "1")
    assert ("decisions", "offer", "Annabella-Q") in traces(shop, "Annabella-Q")
    assert ask(shop, "DELETE", "/customers/of-anna").status_code == 204
    assert traces(shop, "Annabella-Q") == []


def test_a_campaign_is_not_published_with_a_text_that_may_be_impossible(brand):
    offer = {"id": "cup", "title": TITLE, "body": "Until {{ offer.expires_at | date: '%H:%M' }}"}
    body = campaign_body(status="draft", offers=[offer])
    assert brand.put("/campaigns/coffee", body).status_code == 201
    where = "/offers/0/title"
    assert set(faults(brand.put("/campaigns/coffee", body | {"status": "published"}))) == {where}
    told = brand.put(
        "/campaigns/coffee", body | {"status": "published", "offers": [offer | {"fallback": FALLBACK}]}
    )
    assert (told.status_code, told.json["offers"][0]["fallback"]) == (200, FALLBACK)
    assert brand.put("/campaigns/coffee", told.json).headers["ETag"] == told.headers["ETag"]
