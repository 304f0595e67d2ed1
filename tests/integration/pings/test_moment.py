"""A ping becomes an offer, over HTTP and PostgreSQL."""

from tests.factories.catalogue import campaign_document, cap_document, trigger_document, zone_document


def test_entering_a_zone_brings_its_offer(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    answer = shop.ping("anna", "1")
    assert answer["results"] == [
        {"installation_id": "anna", "ping_id": "1", "status": "accepted", "reasons": [], "detail": None}
    ]
    assert [(event["type"], event["site"], event["zone"]) for event in answer["events"]] == [
        ("entered", "shop", "cafe")
    ]
    (decision,) = answer["decisions"]
    assert decision["campaign"] == "coffee"
    assert decision["offer"]["title"] == "Coffee"


def test_staying_brings_nothing_more(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    shop.ping("anna", "1")
    shop.clock.advance(seconds=5)
    answer = shop.ping("anna", "2")
    assert answer["events"] == []
    assert answer["decisions"] == []


def test_a_retry_is_answered_as_the_first_time(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    body = shop.ping_body("1")
    first = shop.post("anna", body).json
    again = shop.post("anna", body).json
    assert again["results"][0]["status"] == "duplicate"
    assert again["events"] == first["events"]
    assert again["decisions"] == first["decisions"]
    assert shop.rows("SELECT count(*) FROM grants") == [(1,)]


def test_a_second_visit_is_stopped_by_the_cap(shop):
    shop.configure(
        zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", caps=[cap_document(limit=1)])]
    )
    shop.phone("anna")
    assert len(shop.ping("anna", "1")["decisions"]) == 1
    gone = shop.walk_out("anna", "2")
    assert [event["type"] for event in gone["events"]] == ["exited"]
    shop.clock.advance(minutes=11)
    answer = shop.ping("anna", "3")
    assert [event["type"] for event in answer["events"]] == ["entered"]
    assert answer["decisions"] == []
    assert shop.rows("SELECT reasons FROM decisions WHERE campaign IS NULL") == [({"coffee": "cap"},)]


def test_a_total_cap_binds_over_customers(shop):
    capped = campaign_document(
        "coffee", caps=[cap_document(limit=2, subject="total", window={"kind": "lifetime"})]
    )
    shop.configure(zones=[zone_document("cafe")], campaigns=[capped])
    offers = [shop.ping(shop.phone(f"p{n}"), "1")["decisions"] for n in range(4)]
    assert [len(offered) for offered in offers] == [1, 1, 0, 0]
    assert shop.rows("SELECT used FROM tallies") == [(2,)]


def test_a_total_cap_binds_within_a_batch_and_the_next_campaign_wins(shop):
    capped = campaign_document(
        "coffee",
        priority=1,
        caps=[cap_document(limit=2, subject="total", window={"kind": "rolling", "n": 1, "unit": "hour"})],
    )
    shop.configure(
        zones=[zone_document("cafe")],
        campaigns=[capped, campaign_document("cake", budget={"total": 1, "per_day": None})],
    )
    phones = [shop.phone(f"p{n}") for n in range(5)]
    answer = shop.post_many({name: [shop.ping_body("1")] for name in phones}).json
    assert sorted(decision["campaign"] for decision in answer["decisions"]) == ["cake", "coffee", "coffee"]


def test_an_exit_triggers_too(shop):
    leaving = campaign_document("bye", trigger=trigger_document("shop/cafe", move="exited"))
    shop.configure(zones=[zone_document("cafe")], campaigns=[leaving])
    shop.phone("anna")
    shop.ping("anna", "1")
    assert [decision["campaign"] for decision in shop.walk_out("anna", "2")["decisions"]] == ["bye"]
