import json
from pathlib import Path

import pytest

from tests.factories.brand import campaign_body, faults, zone_body
from tests.factories.catalogue import square

DEMO = Path(__file__).parents[3] / "demo"


@pytest.fixture
def shop(brand):
    brand.open_shop()
    return brand


def trigger(*zones, move="entered", **fields):
    return {"move": move, "zones": [{"site": "shop", "zone": zone} for zone in zones]} | fields


def test_a_campaign_is_kept_with_its_defaults(shop):
    created = shop.put("/campaigns/coffee", campaign_body())

    assert created.status_code == 201
    assert (
        shop.get("/campaigns/coffee").json
        == created.json
        == {
            "id": "coffee",
            "revision": 1,
            "name": "Coffee",
            "status": "published",
            "priority": 0,
            "channel": "app",
            "starts_at": None,
            "ends_at": None,
            "trigger": trigger("cafe", tags=[], site=None, dwell_s=None, nth=None),
            "audience": None,
            "dayparts": [],
            "caps": [],
            "budget": None,
            "hold_out": 0.0,
            "obeys_policy": True,
            "counts_towards_policy": True,
            "kind": "promotion",
            "tags": [],
            "blackouts": [],
            "min_gap_s": None,
            "suppression": None,
            "group": None,
            "fallback": False,
            "value": 1.0,
            "lever": 1.0,
            "context": ["affinity"],
            "learn": None,
            "offers": [
                {
                    "id": "coffee",
                    "title": "Coffee",
                    "body": "A cup is on us.",
                    "image_url": None,
                    "link": None,
                    "code": None,
                    "expires_after_s": 3600,
                }
            ],
        }
    )


def test_what_was_read_can_be_sent_back(shop):
    body = campaign_body(
        starts_at="2026-06-01T10:00:00+02:00",
        dayparts=[{"days": ["mon"], "from": "22:00", "to": "02:00"}],
        caps=[{"subject": "customer", "limit": 1, "window": {"kind": "lifetime"}}],
        budget={"total": 100},
    )
    shop.put("/campaigns/coffee", body)
    read = shop.get("/campaigns/coffee")

    again = shop.put("/campaigns/coffee", read.json)

    assert (again.status_code, again.headers["ETag"]) == (200, read.headers["ETag"])
    assert read.json["starts_at"] == "2026-06-01T08:00:00Z"


def test_a_draft_is_edited_in_place_and_a_published_campaign_gets_a_revision_with_each_change(shop):
    def revision(**fields):
        return shop.put("/campaigns/coffee", campaign_body(**fields)).json["revision"]

    assert revision(status="draft") == 1
    assert revision(status="draft", name="Tea") == 1
    assert revision(name="Tea") == 1  # published
    assert revision(name="Tea") == 1  # the same again
    assert revision(name="Chai") == 2
    assert revision(name="Chai", status="paused") == 3
    assert revision(name="Mate", status="paused") == 4
    assert revision(name="Mate") == 5

    shop.delete("/campaigns/coffee")
    assert revision(name="Anew") == 6


def test_the_log_keeps_what_a_campaign_was(shop):
    shop.put("/campaigns/coffee", campaign_body(name="Tea"))
    shop.put("/campaigns/coffee", campaign_body(name="Chai"))
    shop.delete("/campaigns/coffee")

    first = shop.get("/campaigns/coffee/revisions?limit=2").json
    second = shop.get(f"/campaigns/coffee/revisions?limit=2&cursor={first['next_cursor']}").json

    found = [*first["items"], *second["items"]]
    assert [(one["revision"], one["campaign"] and one["campaign"]["name"]) for one in found] == [
        (1, "Tea"),
        (2, "Chai"),
        (None, None),
    ]
    assert found[0]["actor"].startswith("key:")
    assert shop.get("/campaigns/nothing/revisions").status_code == 404


def test_an_edit_over_another_version_is_refused(shop):
    old = shop.put("/campaigns/coffee", campaign_body()).headers["ETag"]
    shop.put("/campaigns/coffee", campaign_body(priority=1))

    assert shop.put("/campaigns/coffee", campaign_body(), **{"If-Match": old}).status_code == 412
    assert shop.delete("/campaigns/coffee", **{"If-Match": old}).status_code == 412


def test_campaigns_are_listed_by_id(shop):
    for name in ("tea", "coffee"):
        shop.put(f"/campaigns/{name}", campaign_body())

    assert [one["id"] for one in shop.get("/campaigns").json["items"]] == ["coffee", "tea"]


@pytest.mark.parametrize("status", ["draft", "published"])
def test_a_trigger_names_what_there_is(shop, status):
    body = campaign_body(status=status, trigger=trigger("cafe", "wine", tags=["food"], site="mall"))

    assert {"/trigger/zones/1", "/trigger/site"} <= set(faults(shop.put("/campaigns/coffee", body)))


def test_a_campaign_can_be_ended_after_its_zone_is_gone(shop):
    shop.put("/campaigns/coffee", campaign_body(status="paused"))

    assert shop.delete("/sites/shop/zones/cafe").status_code == 204
    assert shop.put("/campaigns/coffee", campaign_body(status="ended")).status_code == 200
    assert shop.put("/campaigns/coffee", campaign_body()).status_code == 422


def test_a_zone_that_triggers_a_published_campaign_is_not_deleted(shop):
    shop.put("/campaigns/coffee", campaign_body())

    refused = shop.delete("/sites/shop/zones/cafe")
    assert refused.status_code == 409
    assert "published campaigns: coffee" in refused.json["detail"]

    shop.delete("/campaigns/coffee")
    assert shop.delete("/sites/shop/zones/cafe").status_code == 204


def test_a_campaign_that_names_a_sensitive_zone_is_not_published(shop):
    shop.put("/sites/shop/zones/clinic", zone_body(geometry=square(3), sensitive=True, tags=["health"]))
    for body in (trigger("cafe", "clinic"), trigger("cafe", "clinic", tags=["health"])):
        refused = shop.put("/campaigns/coffee", campaign_body(trigger=body))
        assert faults(refused) == {
            "/trigger/zones/1": "names shop/clinic, which is sensitive: nothing is decided there"
        }
        assert shop.put("/campaigns/draft", campaign_body(trigger=body, status="draft")).status_code < 300


def test_a_campaign_for_a_tag_of_sensitive_zones_only_is_not_published(shop):
    shop.put("/sites/shop/zones/clinic", zone_body(geometry=square(3), sensitive=True, tags=["health"]))
    tagged = campaign_body(trigger=trigger(tags=["health"]))

    assert "sensitive" in faults(shop.put("/campaigns/coffee", tagged))["/trigger/tags"]

    shop.put("/sites/shop/zones/gym", zone_body(geometry=square(5), tags=["health"]))
    assert shop.put("/campaigns/coffee", tagged).status_code == 201


def test_a_campaign_for_a_tag_that_no_zone_carries_is_not_published(shop):
    refused = shop.put("/campaigns/coffee", campaign_body(trigger=trigger(tags=["fodo"])))

    assert faults(refused) == {"/trigger/tags": "are carried by no zone"}


def test_the_contact_policy_is_one_document(brand):
    empty = brand.get("/policy")
    assert empty.json == {
        "caps": [],
        "hold_out": 0.0,
        "time_zone": "UTC",
        "blackouts": [],
        "min_gap_s": None,
        "suppression": None,
        "quiet": None,
    }
    cap = {"subject": "customer", "limit": 3, "window": {"kind": "rolling", "n": 1, "unit": "day"}}

    created = brand.put("/policy", {"caps": [cap], "hold_out": 0.05}, **{"If-Match": empty.headers["ETag"]})

    assert created.status_code == 201
    assert created.json["caps"] == [cap | {"scope": "all", "counts": "decided", "tz": "site"}]
    again = brand.put("/policy", created.json)
    assert (again.status_code, again.headers["ETag"]) == (200, created.headers["ETag"])
    assert brand.put("/policy", {}, **{"If-Match": empty.headers["ETag"]}).status_code == 412
    assert brand.get("/policy").json == created.json


def test_the_demo_store_comes_in_as_it_is(brand):
    site = json.loads((DEMO / "site.json").read_text())
    path = f"/sites/{site['id']}"
    assert brand.put(path, site).status_code == 201
    for floor in json.loads((DEMO / "floors.geojson").read_text())["features"]:
        body = floor["properties"] | {"outline": floor["geometry"]}
        assert brand.put(f"{path}/floors/{floor['id']}", body).status_code == 201
    for kind in ("zones", "beacons"):
        answer = brand.post(f"{path}/{kind}/imports", json.loads((DEMO / f"{kind}.geojson").read_text()))
        assert answer.status_code == 200, answer.json
    assert brand.put("/policy", json.loads((DEMO / "policy.json").read_text())).status_code == 201
    for name, body in json.loads((DEMO / "campaigns.json").read_text()).items():
        answer = brand.put(f"/campaigns/{name}", body)
        assert answer.status_code == 201, answer.json
