"""From a draft to the archive: what a campaign may become, its copies, what changed, and who changed it."""

import pytest

from beacon_service.campaigns.service import BECOMES
from tests.factories.brand import campaign_body, faults

STATUSES = ("draft", "published", "paused", "ended", "archived")
# How a campaign comes to each status.
WAYS = {
    None: (),
    "draft": ("draft",),
    "published": ("published",),
    "paused": ("published", "paused"),
    "ended": ("published", "ended"),
    "archived": ("published", "ended", "archived"),
}


@pytest.fixture
def shop(brand):
    brand.open_shop()
    return brand


def put(shop, name="coffee", **fields):
    return shop.put(f"/campaigns/{name}", campaign_body(**fields))


@pytest.mark.parametrize("before", WAYS)
@pytest.mark.parametrize("after", STATUSES)
def test_a_campaign_becomes_only_what_its_status_allows(shop, before, after):
    for status in WAYS[before]:
        assert put(shop, status=status).status_code in {200, 201}
    answer = put(shop, status=after)
    if after in BECOMES[before]:
        assert answer.json["status"] == after
    else:
        assert "cannot become that" in faults(answer)["/status"]
        assert before is None or shop.get("/campaigns/coffee").json["status"] == before


def test_all_that_speaks_against_publishing_is_told_at_once(shop):
    trouble = {
        "trigger": {"move": "entered", "zones": [{"site": "shop", "zone": "gone"}]},
        "ends_at": "2020-01-01T00:00:00Z",
        "caps": [
            {"subject": "customer", "limit": 1, "window": {"kind": "lifetime"}},
            {"subject": "customer", "limit": 2, "window": {"kind": "rolling"}},
        ],
    }
    assert set(faults(put(shop, **trouble))) == {"/trigger/zones/0", "/ends_at", "/caps/1"}


def test_a_draft_can_be_checked_before_it_is_published(shop):
    put(shop, status="draft", ends_at="2020-01-01T00:00:00Z")
    problems = shop.post("/campaigns/coffee/check", {}).json["problems"]
    assert [problem["where"] for problem in problems] == ["/ends_at"]
    put(shop, status="draft")
    assert shop.post("/campaigns/coffee/check", {}).json == {"problems": []}
    assert shop.get("/campaigns/coffee").json["status"] == "draft"
    assert shop.post("/campaigns/none/check", {}).status_code == 404


def test_a_clone_is_a_draft_of_its_own(shop):
    put(shop, priority=7)
    put(shop, priority=8)
    made = shop.post("/campaigns/coffee/clones", {"id": "tea", "name": "Tea"})
    assert made.status_code == 201
    about = {name: made.json[name] for name in ("id", "name", "status", "priority", "revision")}
    assert about == {"id": "tea", "name": "Tea", "status": "draft", "priority": 8, "revision": 1}
    assert shop.get("/campaigns/coffee").json["name"] == "Coffee"
    assert shop.post("/campaigns/coffee/clones", {"id": "tea"}).status_code == 409
    assert shop.post("/campaigns/none/clones", {"id": "soup"}).status_code == 404
    assert shop.post("/campaigns/coffee/clones", {"id": "a b"}).status_code == 422


def test_revisions_are_compared_field_by_field(shop):
    put(shop, priority=7)
    put(shop, priority=8, hold_out=0.1)
    found = shop.get("/campaigns/coffee/comparison?before=1&after=2").json
    assert {(one["path"], one["before"], one["after"]) for one in found["changes"]} == {
        ("/priority", 7, 8),
        ("/hold_out", 0.0, 0.1),
        ("/revision", 1, 2),
    }
    assert shop.get("/campaigns/coffee/comparison?before=1&after=3").status_code == 404
    assert shop.get("/campaigns/coffee/comparison?before=0&after=1").status_code == 422


def test_every_edit_is_in_the_audit_log_with_who_and_what(shop):
    put(shop, priority=7)
    put(shop, priority=8)
    shop.delete("/campaigns/coffee")
    found = shop.get("/audit?kind=campaign&key=coffee").json["items"]
    assert [one["action"] for one in found] == ["deleted", "changed", "created"]
    changes = {change["path"]: (change["before"], change["after"]) for change in found[1]["changes"]}
    assert changes["/priority"] == (7, 8)
    assert found[0]["changes"] == found[2]["changes"] == []
    assert len({one["actor"] for one in found}) == 1
    assert found[0]["actor"].startswith("key")


def test_the_audit_log_is_paged_and_asked_by_actor_and_time(shop, clock):
    put(shop)
    everything = shop.get("/audit").json["items"]
    assert {one["kind"] for one in everything} >= {"site", "floor", "zone", "campaign"}
    paged, cursor = [], ""
    while cursor is not None:
        page = shop.get(f"/audit?limit=1{cursor and f'&cursor={cursor}'}").json
        paged += page["items"]
        cursor = page["next_cursor"]
    assert paged == everything
    assert shop.get("/audit?actor=nobody").json["items"] == []
    assert shop.get("/audit?until=2000-01-01T00:00:00Z").json["items"] == []
    assert shop.get("/audit?kind=nonsense").status_code == 422
