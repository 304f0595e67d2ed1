"""A campaign for who comes near, over HTTP: from its draft to what is told of the decisions that it made."""

import pytest

from tests.factories.brand import Brand, campaign_body, faults, zone_body
from tests.factories.shop import Shop

NEAR = {"move": "approached", "zones": [{"site": "shop", "zone": "cafe"}], "within_m": 150}


class Street(Brand):
    """A brand with one café, and phones that walk by it: a row is 11.1 m."""

    def __init__(self, app, clock):
        super().__init__(app, clock)
        self.open_shop()
        assert self.put("/sites/shop/zones/cafe", zone_body(tags=["food"])).status_code == 200
        self.shop, self.clock, self.count = Shop(app, clock), clock, 0

    def campaign(self, name="come-in", **fields):
        return self.put(f"/campaigns/{name}", campaign_body(**{"trigger": NEAR} | fields))

    def walk(self, phone, *rows, every_s=60):
        """What was offered to the phone at each of them."""
        offered = []
        for row in rows:
            self.clock.advance(seconds=every_s)
            self.count += 1
            answer = self.shop.ping(phone, f"{self.count}", row=row)
            assert {event["type"] for event in answer["events"]} <= {"entered", "dwelled", "exited"}
            offered += [one["campaign"] for one in answer["decisions"]]
        return offered


@pytest.fixture
def street(app, clock):
    made = Street(app, clock)
    made.shop.phone("anna")
    return made


def test_who_comes_near_is_offered_something_once(street):
    assert street.campaign().status_code == 201
    assert street.walk("anna", -40, -30, -9, -5, -9, 0.5, -5) == ["come-in"]


def test_a_ping_that_is_sent_again_is_answered_with_the_same_offer(street):
    street.campaign()
    street.walk("anna", -30)
    street.clock.advance(seconds=60)
    body = street.shop.ping_body("near", row=-9)
    first, again = (street.shop.post("anna", body).json for _ in range(2))
    assert [one["status"] for one in again["results"]] == ["duplicate"]
    assert first["decisions"] == again["decisions"] != []
    assert first["events"] == []


def test_it_is_published_checked_cloned_and_compared_like_others(street):
    assert street.campaign(status="draft").json["trigger"]["within_m"] == 150
    assert street.post("/campaigns/come-in/check", {}).json == {"problems": []}
    assert street.campaign().json["status"] == "published"
    changed = street.campaign(trigger=NEAR | {"within_m": 80})
    assert changed.json["revision"] == 2
    compared = street.get("/campaigns/come-in/comparison?before=1&after=2").json["changes"]
    assert {"path": "/trigger/within_m", "before": 150, "after": 80} in compared
    clone = street.post("/campaigns/come-in/clones", {"id": "again"})
    assert clone.json["trigger"] == changed.json["trigger"]


def test_what_was_kept_before_there_were_approaches_is_kept_as_it_is(street):
    entered = street.campaign(trigger={"move": "entered", "zones": NEAR["zones"]})
    assert "within_m" not in entered.json["trigger"]
    again = street.campaign(trigger={"move": "entered", "zones": NEAR["zones"], "within_m": None})
    assert again.headers["ETag"] == entered.headers["ETag"]


def test_mistakes_are_told_by_their_place(street):
    assert set(faults(street.campaign(trigger=NEAR | {"within_m": 6000}))) == {"/trigger/within_m"}
    without = {"move": "approached", "zones": NEAR["zones"]}
    assert faults(street.campaign(trigger=without))["/trigger/within_m"] == "is missing"


def test_a_sensitive_zone_and_one_that_is_not_cannot_be_approached(street):
    assert street.put("/sites/shop/zones/clinic", zone_body(sensitive=True, tags=["care"])).status_code == 201
    named = NEAR | {"zones": [{"site": "shop", "zone": "clinic"}, {"site": "shop", "zone": "gone"}]}
    assert set(faults(street.campaign(trigger=named))) == {"/trigger/zones/0", "/trigger/zones/1"}
    tagged = {"move": "approached", "tags": ["care"], "within_m": 150}
    assert set(faults(street.campaign(trigger=tagged))) == {"/trigger/tags"}


def test_decisions_are_found_and_explained_with_their_distance(street):
    street.campaign()
    street.campaign("tagged", trigger={"move": "approached", "tags": ["food"], "within_m": 50})
    assert street.walk("anna", -30, -9, -3) == ["come-in", "tagged"]
    items = street.get("/decisions?zone=cafe&campaign=come-in").json["items"]
    (found,) = [item for item in items if item["campaign"] == "come-in"]
    assert (found["move"], found["within_m"], found["dwell_s"]) == ("approached", 150, None)
    whole = street.get(f"/decisions/{found['decision_id']}").json
    assert (whole["moment"]["move"], whole["moment"]["within_m"]) == ("approached", 150)
    assert whole["evidence"]["ping_id"] == "2"
    assert street.get("/moves").json["items"] == []


def test_a_zone_that_it_names_is_not_deleted_and_paused_it_speaks_to_nobody(street):
    street.campaign()
    assert street.walk("anna", -30, -9) == ["come-in"]
    assert street.delete("/sites/shop/zones/cafe").status_code in {409, 422}
    street.campaign(status="paused")
    assert street.delete("/sites/shop/zones/cafe").status_code == 204
    assert street.walk("anna", -9, -9, -9, -9, -30, -30, -9) == []
    ((memory, state),) = street.shop.rows(
        "SELECT c.memory, p.state FROM customers AS c JOIN installations AS i ON i.customer_key = c.key"
        " JOIN presence AS p ON p.installation_key = i.key"
    )
    assert "near" not in memory
    assert "near" not in state


def test_neither_visits_nor_audiences_nor_sites_know_of_it(street):
    street.campaign()
    visited = {"visits": {"site": "shop"}, "op": "ge", "value": 1}
    street.campaign("visitors", audience=visited, priority=9)
    assert street.walk("anna", -30, -9) == ["come-in"]
    ((memory,),) = street.shop.rows("SELECT memory FROM customers")
    assert "visits" not in memory
    assert list(memory["near"]) == ["shop/cafe~150"]


def test_an_export_tells_it_and_an_erasure_leaves_nothing_of_it(street):
    street.campaign()
    assert street.walk("anna", -30, -9) == ["come-in"]
    told = street.get("/customers/of-anna/export").json
    assert [one["within_m"] for one in told["decisions"]] == [150]
    assert street.delete("/customers/of-anna").status_code in {200, 202, 204}
    assert street.shop.rows("SELECT move, within_m FROM decisions") == [("", None)]
    assert street.shop.rows("SELECT memory FROM customers") == [({},)]
