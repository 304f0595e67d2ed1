from datetime import timedelta
from uuid import uuid4

import pytest

from tests.factories.catalogue import campaign_document, cap_document, square, trigger_document, zone_document
from tests.factories.ledger import decide


@pytest.fixture
def decided(brand):
    """A real ping that led to an offer of coffee, while cake lost, and tea was not asked."""
    vegans = {"attribute": "diet", "op": "eq", "value": "vegan"}
    brand.configure(
        zones=[zone_document("cafe"), zone_document("bar", geometry=square(10))],
        campaigns=[
            campaign_document("coffee", caps=[cap_document(2)]),
            campaign_document("cake", audience=vegans),
            campaign_document("tea", trigger=trigger_document("shop/bar", move="exited")),
            campaign_document("soup", status="draft"),
        ],
    )
    brand.register("phone-1")
    decisions = brand.ping("phone-1", "p1")["decisions"]
    return next(one for one in decisions if one["campaign"] == "coffee")


def test_a_decision_tells_everything_that_led_to_it(brand, decided):
    whole = brand.ask("GET", f"/v1/decisions/{decided['decision_id']}").json
    assert whole["campaign"] == "coffee"
    assert whole["offer"] == decided["offer"]
    assert whole["channel"] == "response"
    assert whole["reasons"] == {"cake": "audience"}
    assert whole["moment"]["zone"] == "cafe"
    assert (whole["moment"]["move"], whole["moment"]["visit"]) == ("entered", 1)
    assert [(grant["campaign"], grant["arm"], grant["open"]) for grant in whole["grants"]] == [
        ("coffee", "offered", True)
    ]
    assert [(count["campaign"], count["used"], count["limit"]) for count in whole["counts"]] == [
        ("coffee", 0, 2)
    ]
    assert whole["catalogue_version"] == 1


def test_its_evidence_is_the_ping_that_it_rests_on(brand, decided):
    evidence = brand.ask("GET", f"/v1/decisions/{decided['decision_id']}").json["evidence"]
    assert evidence["ping_id"] == "p1"
    assert evidence["position"]["accuracy_m"] == 2.0
    zones = dict(evidence["located"]["zones"])
    assert zones["shop/cafe"] > 0.9


def test_after_retention_the_evidence_is_gone_and_says_so(brand, decided):
    brand.rows("DELETE FROM pings RETURNING 1")
    whole = brand.ask("GET", f"/v1/decisions/{decided['decision_id']}").json
    assert (whole["evidence"], whole["evidence_missing"]) == (None, "retention")


def test_on_request_every_campaign_has_its_verdict(brand, decided):
    path = f"/v1/decisions/{decided['decision_id']}?campaigns=all"
    verdicts = brand.ask("GET", path).json["all_campaigns"]
    assert verdicts == {"cake": "audience", "coffee": "offered", "soup": "not_live", "tea": "trigger"}


def test_the_campaigns_are_those_of_its_own_configuration(brand, decided):
    brand.configure(campaigns=[campaign_document("later")])
    path = f"/v1/decisions/{decided['decision_id']}?campaigns=all"
    assert "later" not in brand.ask("GET", path).json["all_campaigns"]


def test_outcomes_are_told_with_their_times(brand, decided):
    brand.outcome(decided["decision_id"], "viewed", phone="phone-1")
    whole = brand.ask("GET", f"/v1/decisions/{decided['decision_id']}").json
    assert [outcome["type"] for outcome in whole["outcomes"]] == ["viewed"]
    assert whole["grants"][0]["outcomes"] == ["delivered", "viewed"]


def test_the_phone_reads_its_offer_and_not_the_reasons(brand, decided):
    path = f"/v1/decisions/{decided['decision_id']}"
    own = brand.ask("GET", path, token=brand.tokens["phone-1"]).json
    assert own.keys() == {"decision_id", "installation_id", "campaign", "offer", "expires_at"}
    brand.register("phone-2")
    assert brand.ask("GET", path, token=brand.tokens["phone-2"]).status_code == 404
    assert brand.ask("GET", path, key=brand.publishable).status_code == 401


def test_a_decision_that_nobody_made(brand):
    assert brand.ask("GET", f"/v1/decisions/{uuid4()}").status_code == 404
    assert brand.ask("GET", "/v1/decisions/not-a-uuid").status_code == 404


def test_the_feed_goes_on_where_the_page_ended(brand):
    brand.register("phone-1")
    started_at = brand.clock.now()
    made = [decide(brand, "phone-1", at=started_at + timedelta(seconds=second)) for second in range(3)]
    first = brand.ask("GET", "/v1/decisions?limit=2").json
    rest = brand.ask("GET", f"/v1/decisions?limit=2&cursor={first['next_cursor']}").json
    assert [one["decision_id"] for one in first["items"] + rest["items"]] == made
    assert rest["next_cursor"] is None
    assert first["items"][0]["offer"] == "Coffee"


def test_the_feed_begins_at_a_time(brand):
    brand.register("phone-1")
    started_at = brand.clock.now()
    made = [decide(brand, "phone-1", at=started_at + timedelta(seconds=second)) for second in range(3)]
    since = (started_at + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = brand.ask("GET", f"/v1/decisions?since={since}").json["items"]
    assert [one["decision_id"] for one in items] == made[1:]


@pytest.mark.parametrize("query", ["since=yesterday", "since=0001-01-01T00:00:00Z", "limit=0", "cursor=x"])
@pytest.mark.parametrize("feed", ["decisions", "moves"])
def test_what_cannot_be_asked_is_refused(brand, feed, query):
    assert brand.ask("GET", f"/v1/{feed}?{query}").status_code in {400, 422}


def test_moves_are_told_as_they_were_recorded(brand, decided):
    (move,) = brand.ask("GET", "/v1/moves").json["items"]
    assert (move["installation_id"], move["site"], move["zone"], move["type"], move["cause"]) == (
        "phone-1",
        "shop",
        "cafe",
        "entered",
        "ping",
    )
