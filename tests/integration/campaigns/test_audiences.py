"""Named audiences as documents, what may ask for them, and who is in them."""

from datetime import timedelta

import pytest

from beacon_service.campaigns import audience_store
from beacon_service.campaigns.audience import MAX_TESTS
from beacon_service.campaigns.audience_sql import condition
from beacon_service.db import db, transaction
from tests.factories.brand import campaign_body, faults, site_body, zone_body
from tests.factories.catalogue import square

GOLD = {"attribute": "loyalty", "op": "eq", "value": "gold"}


@pytest.fixture
def shop(brand):
    brand.open_shop()
    return brand


def audience(rule=GOLD, name="Gold members"):
    return {"name": name, "rule": rule}


def customer(shop, name, **attributes):
    assert shop.put(f"/customers/{name}", {"attributes": attributes}).status_code == 201


def test_an_audience_is_a_document_like_any_other(shop):
    created = shop.put("/audiences/gold", audience())
    assert (created.status_code, created.json) == (201, {"id": "gold", "name": "Gold members", "rule": GOLD})
    read = shop.get("/audiences/gold")
    assert shop.put("/audiences/gold", read.json).headers["ETag"] == read.headers["ETag"]
    assert shop.get("/audiences").json["items"] == [read.json]
    assert shop.put("/audiences/gold", audience(), **{"If-Match": '"999"'}).status_code == 412
    assert shop.delete("/audiences/gold").status_code == 204
    assert shop.get("/audiences/gold").status_code == 404


@pytest.mark.parametrize(
    ("rule", "where", "what"),
    [
        ({"audience": "gold"}, "/rule/audience", "is gold, which there is not"),
        ({"not": {"list": "vip"}}, "/rule/not/list", "is vip, which there is not"),
        (
            {"visits": {"site": "mall"}, "op": "ge", "value": 1},
            "/rule/visits/site",
            "is mall, which there is not",
        ),
        (
            {"all": [GOLD, {"last_visit": {"zone": "shop/bar"}, "op": "within", "days": 7}]},
            "/rule/all/1/last_visit/zone",
            "is shop/bar, which there is not",
        ),
        ({"events": "purchase", "op": "ge", "value": 1, "days": 91}, "/rule/days", "is not a number of days"),
        ({"events": "purchase", "op": "within", "value": 1}, "/rule/op", "is not an operator for a count"),
        ({"last_event": "purchase", "op": "within"}, "/rule/days", "is missing"),
        ({"visits": {"zone": "cafe"}, "op": "ge", "value": 1}, "/rule/visits/zone", "is not a zone's id"),
        ({"consent": "cookies"}, "/rule/consent", "is not a consent"),
        ({"list": "vip", "op": "eq"}, "/rule/op", "says nothing of list"),
        ({"list": "vip", "audience": "gold"}, "/rule", "is not a rule"),
    ],
)
def test_what_a_rule_cannot_say_is_named_by_its_place(shop, rule, where, what):
    assert faults(shop.put("/audiences/new", audience(rule))) == {where: what}
    refused = faults(shop.post("/audiences:estimate", {"rule": rule}))
    assert refused == {where: what}


def test_nobody_is_picked_by_visits_to_a_sensitive_zone(shop):
    shop.put("/sites/shop/zones/clinic", zone_body(geometry=square(5), sensitive=True))
    rule = {"visits": {"zone": "shop/clinic"}, "op": "ge", "value": 1}
    (what,) = faults(shop.put("/audiences/ill", audience(rule))).values()
    assert "is sensitive" in what


def test_audiences_may_rest_on_each_other_but_not_go_round_in_a_circle(shop):
    shop.put("/audiences/gold", audience())
    shop.put("/audiences/regulars", audience({"any": [GOLD, {"audience": "gold"}]}))
    refused = shop.put("/audiences/gold", audience({"all": [GOLD, {"audience": "regulars"}]}))
    assert faults(refused) == {
        "/rule/all/1/audience": "goes round in a circle: regulars rests on gold itself"
    }
    own = shop.put("/audiences/gold", audience({"not": {"audience": "gold"}}))
    assert faults(own) == {"/rule/not/audience": "goes round in a circle: gold rests on gold itself"}


def test_what_stands_behind_names_is_bounded_too(shop):
    shop.put("/audiences/large", audience({"any": [GOLD] * MAX_TESTS}))
    twelve = {"all": [{"audience": "large"}] * 11}
    assert set(faults(shop.put("/audiences/larger", audience(twelve)))) == {"/rule"}
    assert set(faults(shop.put("/campaigns/coffee", campaign_body(audience=twelve)))) == {"/audience"}
    shop.put("/audiences/large", audience({"any": [GOLD] * 9}))
    assert shop.put("/audiences/larger", audience(twelve)).status_code == 201
    grown = shop.put("/audiences/large", audience({"any": [GOLD] * MAX_TESTS}))
    assert faults(grown) == {"/rule": "makes larger have more than 1000 tests in all"}


def test_a_campaign_may_ask_for_an_audience_that_there_is(shop):
    asking = campaign_body(audience={"audience": "gold"})
    assert faults(shop.put("/campaigns/coffee", asking)) == {
        "/audience/audience": "is gold, which there is not"
    }
    shop.put("/audiences/gold", audience())
    assert shop.put("/campaigns/coffee", asking).status_code == 201


def test_what_a_published_campaign_rests_on_is_not_deleted(shop):
    shop.put("/lists/vip", {"name": "Very important"})
    shop.put("/audiences/inner", audience({"list": "vip"}))
    shop.put("/audiences/outer", audience({"audience": "inner"}))
    shop.put("/campaigns/coffee", campaign_body(audience={"not": {"audience": "outer"}}))
    for path, users in [
        ("/lists/vip", "audiences inner and published campaigns coffee"),
        ("/audiences/inner", "audiences outer and published campaigns coffee"),
        ("/audiences/outer", "published campaigns coffee"),
    ]:
        refused = shop.delete(path)
        assert refused.status_code == 409
        assert f"is asked for by {users}." in refused.json["detail"]
    shop.put("/campaigns/coffee", campaign_body(status="paused", audience={"not": {"audience": "outer"}}))
    for path in ("/audiences/outer", "/audiences/inner", "/lists/vip"):
        assert shop.delete(path).status_code == 204


class TestWhoIsInIt:
    @pytest.fixture
    def people(self, shop):
        customer(shop, "anna", loyalty="gold")
        customer(shop, "ben", loyalty="silver")
        customer(shop, "carla", loyalty="gold")
        shop.put("/audiences/gold", audience())
        return shop

    def test_its_size_is_counted(self, people):
        size = {"customers": 2, "share": 0.6667, "estimated": False}
        assert people.get("/audiences/gold/size").json == size
        assert people.post("/audiences:estimate", {"rule": {"audience": "gold"}}).json == size
        assert people.post("/audiences:estimate", {"rule": {"not": GOLD}}).json["customers"] == 1

    def test_of_nobody_everything_is_nothing(self, shop):
        assert shop.post("/audiences:estimate", {"rule": GOLD}).json == {
            "customers": 0,
            "share": 0.0,
            "estimated": False,
        }

    def test_its_customers_are_listed_page_by_page(self, people):
        first = people.get("/audiences/gold/customers?limit=1").json
        assert first["items"] == [{"id": "anna", "anonymous": False}]
        rest = people.get(f"/audiences/gold/customers?limit=1&cursor={first['next_cursor']}").json
        assert rest == {"items": [{"id": "carla", "anonymous": False}], "next_cursor": None}

    def test_a_customer_is_told_apart_by_the_audiences_that_they_are_in(self, people):
        people.put("/audiences/others", audience({"not": {"audience": "gold"}}, name="All others"))
        assert people.get("/customers/ben/audiences").json == {
            "audiences": [{"id": "others", "name": "All others"}],
            "lists": [],
        }
        assert people.get("/customers/nobody/audiences").status_code == 404

    def test_who_was_erased_is_in_none(self, people):
        people.delete("/customers/anna")
        assert people.get("/audiences/gold/size").json["customers"] == 1
        assert [one["id"] for one in people.get("/audiences/gold/customers").json["items"]] == ["carla"]

    def test_what_was_bought_counts_from_the_next_question_on_and_grows_old(self, people, clock):
        lately = {"last_event": "purchase", "op": "within", "days": 7}
        people.put("/audiences/buyers", audience(lately))
        at = clock.now().isoformat()
        people.post("/customers/ben/events", {"type": "purchase", "at": at})
        assert people.get("/audiences/buyers/size").json["customers"] == 1
        clock.now_at += timedelta(days=7, seconds=1)
        assert people.get("/audiences/buyers/size").json["customers"] == 0

    def test_where_counting_takes_too_long_a_sample_is_asked(self, people, clock):
        with people.app.app_context(), transaction(db.engine) as connection:
            connection.execute(
                "INSERT INTO customers (id, anonymous, attributes, created_at)"
                " SELECT 'c' || n, true, CASE WHEN n % 4 = 0 THEN '{\"loyalty\": \"gold\"}'::jsonb ELSE '{}' END, now()"
                " FROM generate_series(1, 40000) AS n"
            )
            connection.execute("ANALYZE customers")
            size = audience_store.measure(connection, condition(GOLD, clock.now()), seconds=0.001)
        assert size.sampled
        assert size.total == pytest.approx(40_003, rel=0.02)
        assert size.customers / size.total == pytest.approx(0.25, abs=0.03)


class TestPlacesThatRulesAskFor:
    @pytest.fixture
    def asked(self, shop):
        """Of the café by an audience, of the bar by a published campaign, of both by the way of a tree."""
        for column, zone in enumerate(("bar", "door"), start=5):
            shop.put(f"/sites/shop/zones/{zone}", zone_body(geometry=square(column)))
        cafe = {"not": {"any": [GOLD, {"last_visit": {"zone": "shop/cafe"}, "op": "within", "days": 3}]}}
        bar = {"all": [{"visits": {"zone": "shop/bar"}, "op": "ge", "value": 2}]}
        trigger = {"move": "entered", "zones": [{"site": "shop", "zone": "door"}]}
        shop.put("/audiences/regulars", audience(cafe))
        assert shop.put("/campaigns/coffee", campaign_body(audience=bar, trigger=trigger)).status_code == 201
        return shop

    @pytest.mark.parametrize(("zone", "asker"), [("cafe", "audience regulars"), ("bar", "campaign coffee")])
    def test_they_neither_go_nor_become_sensitive_behind_the_rules_backs(self, asked, zone, asker):
        body = asked.get(f"/sites/shop/zones/{zone}").json | {"sensitive": True}
        for refused in (
            asked.delete(f"/sites/shop/zones/{zone}"),
            asked.put(f"/sites/shop/zones/{zone}", body),
        ):
            assert refused.status_code == 409
            assert f"asked for by {asker}." in refused.json["detail"]

    def test_they_may_once_nobody_asks_any_more(self, asked):
        asked.put("/audiences/regulars", audience())
        assert asked.delete("/sites/shop/zones/cafe").status_code == 204

    def test_a_site_that_is_asked_for_stays(self, brand):
        brand.put("/sites/mall", site_body())
        brand.put("/audiences/new", audience({"visits": {"site": "mall"}, "op": "eq", "value": 0}))
        assert brand.delete("/sites/mall").status_code == 409
        brand.delete("/audiences/new")
        assert brand.delete("/sites/mall").status_code == 204
