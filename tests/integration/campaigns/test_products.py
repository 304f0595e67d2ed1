"""Products and stock: kept, imported all or none, and asked when an offer is about them."""

from datetime import timedelta

import pytest

from beacon_service import partitions
from tests.factories.brand import campaign_body, faults
from tests.factories.shop import Shop

OFFER = {"id": "coffee", "title": "Coffee", "body": "A cup is on us.", "products": ["beans"]}


@pytest.fixture
def store(brand):
    brand.open_shop()
    for product in ("beans", "milk"):
        assert brand.put(f"/products/{product}", {"name": product}).status_code == 201
    return brand


def csv_import(brand, text):
    headers = brand.headers | {"Content-Type": "text/csv"}
    return brand.client.post("/v1/sites/shop/stock/imports", data=text.encode(), headers=headers)


def stock(brand):
    return {one["product"]: one["quantity"] for one in brand.get("/sites/shop/stock").json["items"]}


def test_an_offer_is_made_only_while_its_product_is_there(store, clock):
    assert store.put("/campaigns/coffee", campaign_body(offers=[OFFER])).status_code == 201
    shop = Shop(store.app, clock)
    shop.phone("anna")

    def offered(ping_id):
        told = shop.ping("anna", ping_id, floor="ground")["decisions"]
        shop.walk_out("anna", ping_id)
        clock.now_at += timedelta(hours=1)
        return bool(told)

    found = [offered("nobody-counted")]
    store.put("/sites/shop/stock/beans", {"quantity": 3})
    found.append(offered("three"))
    store.put("/sites/shop/stock/beans", {"quantity": 0})
    found.append(offered("none"))
    store.put("/sites/shop/stock/beans", {"quantity": 5})
    clock.now_at += timedelta(days=2)
    with shop.connect() as connection:
        partitions.ensure(connection, clock.now().date())
    found.append(offered("too-long-ago"))
    assert found == [False, True, False, False]
    reasons = shop.rows("SELECT reasons ->> 'coffee' FROM decisions WHERE campaign IS NULL")
    assert {reason for (reason,) in reasons} == {"stock"}


def test_stock_is_imported_from_csv_all_or_none(store):
    done = csv_import(store, "product,quantity\nbeans,3\nmilk,0\n")
    assert (done.status_code, done.json["created"]) == (200, 2), done.text
    assert stock(store) == {"beans": 3, "milk": 0}
    again = csv_import(store, "quantity,product\r\n4,beans\r\n\r\n0,milk\r\n")
    assert (again.json["replaced"], again.json["unchanged"]) in {(2, 0), (1, 1)}
    wrong = csv_import(store, "product,quantity\nbeans,9\ntea,1\nmilk,1\ncake,1\n")
    assert set(faults(wrong)) == {"/stock/1/product", "/stock/3/product"}
    assert stock(store) == {"beans": 4, "milk": 0}


@pytest.mark.parametrize(
    ("text", "status", "where"),
    [
        ("beans,3\n", 400, None),
        ("product,quantity\nbeans,many\n", 422, "/stock/0/quantity"),
        ("product,quantity\nbeans,-1\n", 422, "/stock/0/quantity"),
        ("product,quantity\nbeans,1\nbeans,2\n", 422, "/stock/1/product"),
        ("product,quantity\nbeans,1,2\n", 400, None),
        ("product,product\nbeans,1\n", 400, None),
        ("product,quantity,at\nbeans,1,yesterday\n", 422, "/stock/0/at"),
        ("product,quantity\n", 422, "/stock"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_taken(store, text, status, where):
    answer = csv_import(store, text)
    assert answer.status_code == status, answer.text
    if where is not None:
        assert where in faults(answer)
    assert stock(store) == {}


def test_what_there_is_not_cannot_be_counted_or_offered(store):
    assert store.put("/sites/shop/stock/tea", {"quantity": 1}).status_code == 404
    assert store.put("/sites/gone/stock/beans", {"quantity": 1}).status_code == 404
    unknown = store.put("/campaigns/coffee", campaign_body(offers=[OFFER | {"products": ["tea"]}]))
    assert set(faults(unknown)) == {"/offers/0/products/0"}


def test_a_product_that_a_published_campaign_is_about_is_not_deleted(store):
    store.put("/campaigns/coffee", campaign_body(offers=[OFFER]))
    assert store.delete("/products/beans").status_code == 409
    store.put("/campaigns/coffee", campaign_body(offers=[OFFER], status="paused"))
    assert store.delete("/products/beans").status_code == 204
    assert store.delete("/products/milk").status_code == 204
    assert store.get("/products").json["items"] == []


def test_a_product_has_a_price_with_its_currency(store):
    priced = {"name": "Beans", "tags": [], "price": "9.50", "currency": "EUR"}
    assert store.put("/products/beans", priced).status_code == 200
    assert store.get("/products/beans").json == {"id": "beans", **priced}
    assert set(faults(store.put("/products/beans", {"name": "Beans", "price": "9.50"}))) == {"/currency"}
    assert set(faults(store.put("/products/beans", {"name": "Beans", "currency": "EUR"}))) == {"/price"}
    for price in ("9,50", "-1", "09.50", "1e3", "9."):
        wrong = {"name": "Beans", "price": price, "currency": "EUR"}
        assert set(faults(store.put("/products/beans", wrong))) == {"/price"}


def test_what_was_said_of_a_product_stays_and_the_next_is_told_what_it_is_now(store, clock):
    text = {"title": "{{ product.name }}", "body": "{{ product.price | default: 'Ask' }}"}
    store.put("/sites/shop/stock/beans", {"quantity": 3})
    assert store.put("/campaigns/coffee", campaign_body(offers=[OFFER | text])).status_code == 201
    shop = Shop(store.app, clock)
    body = shop.ping_body("1", floor="ground")
    (first,) = shop.post(shop.phone("anna"), body).json["decisions"]
    store.put("/products/beans", {"name": "Yirgacheffe", "price": "9.50", "currency": "EUR"})
    (other,) = shop.ping(shop.phone("ben"), "1", floor="ground")["decisions"]
    assert [one["offer"]["title"] for one in (first, other)] == ["beans", "Yirgacheffe"]
    assert [one["offer"]["body"] for one in (first, other)] == ["Ask", "9.50"]
    assert shop.post("anna", body).json["decisions"] == [first]


def test_a_count_that_comes_after_a_newer_one_changes_nothing(store, clock):
    now = clock.now()
    earlier, later = ((now - timedelta(minutes=minutes)).isoformat() for minutes in (9, 3))
    store.put("/sites/shop/stock/beans", {"quantity": 0, "at": later})
    late = store.put("/sites/shop/stock/beans", {"quantity": 24, "at": earlier})
    assert (late.status_code, late.json["quantity"]) == (200, 0)
    counted = csv_import(store, f"product,quantity,at\nbeans,24,{earlier}\nmilk,2,{earlier}\n")
    assert (counted.json["created"], counted.json["unchanged"]) == (1, 1)
    assert stock(store) == {"beans": 0, "milk": 2}
    store.put("/sites/shop/stock/beans", {"quantity": 5, "at": later})
    assert stock(store)["beans"] == 5
