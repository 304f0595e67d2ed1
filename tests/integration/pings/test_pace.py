"""When a phone is told to report again, over HTTP; and what it is told when there is too much to do."""

from datetime import timedelta

import pytest

from beacon_service.errors import Overloaded
from beacon_service.pings import api
from beacon_service.pings.together import Together
from tests.factories.catalogue import campaign_document, square, zone_document


@pytest.fixture
def together(shop):
    return shop.app.extensions[api.AT_THE_DOOR].edge.together


@pytest.fixture
def mall(shop, together, monkeypatch):
    """A café with a campaign, a bar without, and a chapel; and nobody waits, however busy this machine is."""
    monkeypatch.setattr(type(together), "delay_s", 0.0)
    zones = [
        zone_document("cafe"),
        zone_document("bar", geometry=square(20, 0)),
        zone_document("chapel", sensitive=True, geometry=square(40, 0)),
    ]
    shop.configure(zones=zones, campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    return shop


@pytest.mark.parametrize(("column", "pace"), [(0.5, 5), (20.5, 10), (40.5, 60), (80, 30)])
def test_it_follows_where_the_phone_is(mall, column, pace):
    assert mall.ping("anna", "1", column=column)["next_ping_after_s"] == pace


def test_the_newest_ping_of_a_request_says_where(mall):
    """It is perhaps in the café; the earlier one, which stands behind it, was nowhere near."""
    earlier = mall.ping_body("1", at=mall.clock.now() - timedelta(seconds=60), column=80)
    newest = mall.ping_body("2", column=3, accuracy_m=20.0)
    answer = mall.post("anna", newest, earlier).json
    assert answer["events"] == []
    assert answer["next_ping_after_s"] == 5


def test_a_phone_without_consent_need_not_come_soon(mall):
    mall.phone("ben", location=False)
    assert mall.post("ben", mall.ping_body("1")).json["next_ping_after_s"] == 300


def test_a_repeated_ping_is_told_by_where_the_phone_is_held_to_be(mall):
    mall.ping("anna", "1", column=20.5)
    again = mall.post("anna", mall.ping_body("1", column=20.5)).json
    assert again["results"][0]["status"] == "duplicate"
    assert again["next_ping_after_s"] == 10


def test_a_request_with_nothing_readable_is_told_something_all_the_same(mall):
    answer = mall.post("anna", {"ping_id": "1", "at": "yesterday"}).json
    assert answer["results"][0]["status"] == "rejected"
    assert answer["next_ping_after_s"] == 30


def test_a_gateway_is_told_one_pace_for_all_its_phones(mall):
    assert mall.post_many({"anna": [mall.ping_body("1", column=80)]}).json["next_ping_after_s"] == 5


def test_under_load_everybody_is_told_to_come_later(mall, together, monkeypatch):
    monkeypatch.setattr(type(together), "delay_s", 0.25)
    assert mall.ping("anna", "1")["next_ping_after_s"] == 10


def test_what_is_refused_is_neither_read_nor_counted_against_the_phone_and_may_come_again(
    mall, together, monkeypatch
):
    """Neither the body nor the key of such a request is good."""
    with monkeypatch.context() as patch:
        patch.setattr(together, "refusal", lambda: "standing")
        answer = mall.client.post("/v1/pings", data="{", headers={"Authorization": "Bearer nobody"})
        refused = mall.post("anna", mall.ping_body("1"))
    for one in (answer, refused):
        assert (one.status_code, one.json["code"]) == (503, "overloaded")
        assert int(one.headers["Retry-After"]) >= 1
        assert one.headers["Content-Type"] == "application/problem+json"
        assert one.headers["X-Content-Type-Options"] == "nosniff"
    assert mall.rows("SELECT count(*) FROM pings") == [(0,)]
    assert mall.ping("anna", "1")["results"][0]["status"] == "accepted"
    metrics = mall.client.get("/metrics").text
    assert 'beacon_requests_refused_total{reason="standing",what="pings"} 2.0' in metrics
    assert 'beacon_http_requests_total{method="POST",route="/v1/pings",status="503"} 2.0' in metrics


def test_who_is_refused_after_it_was_read_is_told_the_same(mall, monkeypatch):
    def refuse(self, job):
        raise Overloaded(retry_after_s=3)

    monkeypatch.setattr(Together, "__call__", refuse)
    answer = mall.post("anna", mall.ping_body("1"))
    assert (answer.status_code, answer.json["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "3"
