"""A decision that is not made: what it would be, and that nothing is left of it."""

from datetime import timedelta

import pytest

from tests.factories.catalogue import (
    campaign_document,
    cap_document,
    offer_document,
    square,
    trigger_document,
    zone_document,
)

TABLES = ("decisions", "grants", "moves", "changes", "tallies", "waiting", "pings")


@pytest.fixture
def cafe(shop):
    total = cap_document(5, subject="total", window={"kind": "lifetime"})
    shop.configure(
        zones=[zone_document("cafe"), zone_document("clinic", sensitive=True, geometry=square(20, 20))],
        campaigns=[
            campaign_document(
                "coffee", priority=2, caps=[total], trigger=trigger_document("shop/cafe", "shop/clinic")
            ),
            campaign_document("tea", audience={"attribute": "tier", "op": "eq", "value": "gold"}),
            campaign_document("third", trigger=trigger_document("shop/cafe", nth=3)),
        ],
    )
    shop.phone("anna")
    return shop


def dry_run(shop, **fields):
    body = {"customer_id": "of-anna", "site": "shop", "zone": "cafe"} | fields
    return shop.client.post(
        "/v1/decisions:dryRun", json=body, headers={"Authorization": f"Bearer {shop.secret}"}
    )


def rows(shop):
    return [shop.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


def test_it_tells_the_winner_and_why_the_others_lose(cafe):
    told = dry_run(cafe).json
    assert (told["campaign"], told["channel"]) == ("coffee", "response")
    assert told["offer"]["title"] == "Coffee"
    assert told["reasons"] == {"tea": "audience", "third": "visit"}
    (count,) = told["counts"]
    assert (count["campaign"], count["used"], count["limit"]) == ("coffee", 0, 5)


def test_nothing_is_left_of_it(cafe):
    before = rows(cafe)
    for _ in range(7):  # more than the cap would allow
        assert dry_run(cafe).json["campaign"] == "coffee"
    assert rows(cafe) == before == [0] * len(TABLES)


def test_another_visit_other_attributes_another_time(cafe):
    assert dry_run(cafe, visit=3).json["reasons"] == {"tea": "audience", "third": "outranked"}
    assert dry_run(cafe, attributes={"tier": "gold"}).json["reasons"]["tea"] == "outranked"
    cafe.configure(
        campaigns=[campaign_document("coffee", ends_at=(cafe.clock.now() + timedelta(days=1)).isoformat())]
    )
    later = (cafe.clock.now() + timedelta(days=2)).isoformat()
    assert dry_run(cafe, at=later).json["reasons"]["coffee"] == "not_live"


def test_it_sees_what_was_given_before(cafe):
    cafe.configure(campaigns=[campaign_document("coffee", caps=[cap_document(1)])])
    cafe.ping("anna", "1")
    told = dry_run(cafe).json
    assert (told["campaign"], told["reasons"]["coffee"]) == (None, "cap")


def test_in_a_sensitive_zone_nothing_would_be_decided(cafe):
    told = dry_run(cafe, zone="clinic").json
    assert (told["campaign"], told["reasons"]) == (None, {})


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"customer_id": "nobody"}, 404),
        ({"zone": "gone"}, 422),
        ({"move": "dwelled"}, 422),
        ({"move": "entered", "dwell_s": 5}, 422),
        ({"at": "yesterday"}, 422),
        ({"surplus": 1}, 422),
    ],
)
def test_what_cannot_be_is_refused(cafe, fields, status):
    assert dry_run(cafe, **fields).status_code == status


class TestSearch:
    @pytest.fixture
    def busy(self, cafe):
        cafe.configure(
            campaigns=[
                campaign_document("coffee", caps=[cap_document(1)], offers=[offer_document()]),
                campaign_document(
                    "tea", priority=-1, audience={"attribute": "tier", "op": "eq", "value": "gold"}
                ),
            ]
        )
        for name in ("anna", "ben"):
            cafe.phone(name) if name != "anna" else None
            cafe.ping(name, "1")
            cafe.walk_out(name, "1")
        cafe.clock.now_at += timedelta(hours=1)
        cafe.ping("anna", "2")
        return cafe

    def found(self, shop, path="/decisions", **query):
        headers = {"Authorization": f"Bearer {shop.secret}"}
        answer = shop.client.get(f"/v1{path}", query_string=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return [(one["customer_id"], one["campaign"]) for one in answer.json["items"]]

    def test_decisions_are_found_by_who_where_and_why(self, busy):
        everything = [("of-anna", "coffee"), ("of-ben", "coffee"), ("of-anna", None)]
        assert self.found(busy) == everything
        assert self.found(busy, customer="of-anna") == [everything[0], everything[2]]
        assert self.found(busy, "/customers/of-anna/decisions") == [everything[0], everything[2]]
        assert self.found(busy, offered="false") == [everything[2]]
        assert self.found(busy, "/customers/of-anna/decisions", offered="true") == [everything[0]]
        assert self.found(busy, reason="cap") == [everything[2]]
        assert self.found(busy, campaign="tea", reason="audience") == everything
        assert self.found(busy, campaign="tea", reason="cap") == []
        assert self.found(busy, campaign="soup") == []
        nonsense = busy.client.get(
            "/v1/decisions?reason=capp", headers={"Authorization": f"Bearer {busy.secret}"}
        )
        assert nonsense.status_code == 422
        assert "'cap'" in nonsense.text
        assert self.found(busy, site="shop", zone="cafe") == everything
        assert self.found(busy, zone="bar") == []
        assert (
            self.found(busy, until=(busy.clock.now() - timedelta(minutes=30)).isoformat()) == everything[:2]
        )

    def test_of_nobody_there_is_nothing_to_find(self, busy):
        headers = {"Authorization": f"Bearer {busy.secret}"}
        assert busy.client.get("/v1/decisions?customer=nobody", headers=headers).status_code == 404
        assert busy.client.get("/v1/decisions?offered=perhaps", headers=headers).status_code == 422


def test_an_approach_is_asked_for_with_its_distance(cafe):
    trigger = trigger_document("shop/cafe", move="approached", within_m=150, nth=1)
    cafe.configure(sites=[], campaigns=[campaign_document("come-in", trigger=trigger)])
    assert dry_run(cafe, move="approached", within_m=150).json["campaign"] == "come-in"
    assert dry_run(cafe, move="approached", within_m=50).json["campaign"] is None
    for number, row in enumerate((-9, -30, -30)):
        cafe.ping("anna", f"{number}", row=row)
        cafe.clock.advance(minutes=5)
    assert dry_run(cafe, move="approached", within_m=150).json["reasons"] == {"come-in": "visit"}
    assert dry_run(cafe, move="approached", within_m=150, visit=1).json["campaign"] == "come-in"


@pytest.mark.parametrize(
    "fields", [{"move": "approached"}, {"within_m": 150}, {"move": "approached", "within_m": 5}]
)
def test_a_distance_belongs_to_an_approach(cafe, fields):
    answer = dry_run(cafe, **fields)
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json["errors"]] == ["/within_m"]
