"""A phone that does not know whether its report arrived sends it again, and is told what it was told."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories.catalogue import campaign_document, offer_document, zone_document


@pytest.fixture
def cafe(shop):
    offer = offer_document(code="LATTE-7", expires_after_s=600)
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee", offers=[offer])])
    shop.phone("anna")
    return shop


def statuses(answer):
    return [(one["status"], one["reasons"]) for one in answer.json["results"]]


def counts(shop):
    """How many (pings, moves, decisions, grants) are kept."""
    tables = ("pings", "moves", "decisions", "grants")
    return tuple(shop.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables)


def test_a_retry_brings_the_same_events_and_decisions_and_writes_nothing(cafe):
    body = cafe.ping_body("1")
    first = cafe.post("anna", body).json
    cafe.clock.advance(seconds=40)
    again = cafe.post("anna", body)
    assert statuses(again) == [("duplicate", [])]
    assert again.json["events"] == first["events"] != []
    assert again.json["decisions"] == first["decisions"]
    assert again.json["decisions"][0]["offer"]["code"] == "LATTE-7"
    assert counts(cafe) == (1, 1, 1, 1)


def test_a_retry_after_the_offer_expired_comes_without_its_code(cafe):
    body = cafe.ping_body("1")
    first = cafe.post("anna", body).json
    cafe.clock.advance(seconds=600)
    (again,) = cafe.post("anna", body).json["decisions"]
    assert again["offer"]["code"] is None
    assert again == first["decisions"][0] | {"offer": first["decisions"][0]["offer"] | {"code": None}}


def test_the_code_is_there_to_the_last_moment(cafe):
    body = cafe.ping_body("1")
    cafe.post("anna", body)
    cafe.clock.advance(microseconds=600_000_000 - 1)
    assert cafe.post("anna", body).json["decisions"][0]["offer"]["code"] == "LATTE-7"


def test_the_same_content_written_differently_is_the_same_ping(cafe):
    body = cafe.ping_body("1")
    cafe.post("anna", body)
    local = datetime.fromisoformat(body["at"]).isoformat().replace("+00:00", "Z")
    turned = dict(reversed(list((body | {"at": local, "sightings": []}).items())))
    assert statuses(cafe.post("anna", turned)) == [("duplicate", [])]


def test_the_same_id_with_other_content_is_refused_and_the_first_stands(cafe):
    cafe.post("anna", cafe.ping_body("1"))
    again = cafe.post("anna", cafe.ping_body("1", column=5))
    assert statuses(again) == [("rejected", ["id_reused"])]
    assert (again.json["events"], again.json["decisions"]) == ([], [])
    assert counts(cafe) == (1, 1, 1, 1)


def test_two_phones_may_use_the_same_id(cafe):
    cafe.phone("ben")
    cafe.ping("anna", "1")
    assert [one["campaign"] for one in cafe.ping("ben", "1")["decisions"]] == ["coffee"]


def test_within_one_request_the_second_is_the_duplicate(cafe):
    one, other = cafe.ping_body("1"), cafe.ping_body("1", column=5)
    answer = cafe.post("anna", one, one, other)
    assert statuses(answer) == [("accepted", []), ("duplicate", []), ("rejected", ["id_reused"])]
    assert len(answer.json["decisions"]) == 1
    assert counts(cafe) == (1, 1, 1, 1)


def test_a_retry_across_midnight_is_found_in_the_day_before(cafe):
    cafe.clock.now_at = datetime(2026, 6, 3, 23, 59, 50, tzinfo=UTC)
    body = cafe.ping_body("1")
    first = cafe.post("anna", body).json
    cafe.clock.advance(seconds=20)
    again = cafe.post("anna", body)
    assert statuses(again) == [("duplicate", [])]
    assert again.json["decisions"] == first["decisions"]
    assert counts(cafe) == (1, 1, 1, 1)


def test_a_retry_is_found_though_the_first_came_to_a_server_whose_clock_was_past_midnight(cafe):
    cafe.clock.now_at = datetime(2026, 6, 4, 0, 0, 1, tzinfo=UTC)
    body = cafe.ping_body("1")
    cafe.post("anna", body)
    cafe.clock.now_at = datetime(2026, 6, 3, 23, 59, 59, tzinfo=UTC)
    assert statuses(cafe.post("anna", body)) == [("duplicate", [])]
    assert counts(cafe) == (1, 1, 1, 1)


@pytest.mark.parametrize("hours", [24, 71, 73])
def test_a_retry_is_found_for_as_long_as_its_ping_would_be_taken_and_longer(cafe, hours):
    body = cafe.ping_body("1")
    cafe.post("anna", body)
    cafe.clock.advance(hours=hours)
    assert statuses(cafe.post("anna", body)) == [("duplicate", [])]


def test_a_retry_of_a_ping_received_late_is_found_to_the_day(cafe):
    """Received when it was 72 hours old; its retry comes as a duplicate or is refused for its age, never new."""
    body = cafe.ping_body("1", at=cafe.clock.now() - timedelta(hours=71))
    assert statuses(cafe.post("anna", body)) == [("accepted", [])]
    cafe.clock.advance(days=3)
    assert statuses(cafe.post("anna", body)) == [("duplicate", [])]
    cafe.clock.advance(days=2)
    assert statuses(cafe.post("anna", body)) == [("rejected", ["too_old"])]


def test_a_late_pings_retry_is_a_duplicate_too(cafe):
    cafe.ping("anna", "2")
    late = cafe.ping_body("1", at=cafe.clock.now() - timedelta(seconds=30))
    assert statuses(cafe.post("anna", late)) == [("late", [])]
    assert statuses(cafe.post("anna", late)) == [("duplicate", [])]


def test_a_rejected_ping_leaves_no_record_so_that_a_mended_one_is_new(cafe):
    ahead = cafe.ping_body("1", at=cafe.clock.now() + timedelta(minutes=3))
    assert statuses(cafe.post("anna", ahead)) == [("rejected", ["too_new"])]
    assert counts(cafe) == (0, 0, 0, 0)
    assert statuses(cafe.post("anna", cafe.ping_body("1"))) == [("accepted", [])]


def test_a_mixed_request_answers_in_its_own_order(cafe):
    cafe.ping("anna", "1")
    known = cafe.ping_body("1")
    cafe.clock.advance(seconds=5)
    answer = cafe.post("anna", cafe.ping_body("3"), known, cafe.ping_body("2"), {"ping_id": "4"})
    assert [one["ping_id"] for one in answer.json["results"]] == ["3", "1", "2", "4"]
    assert [status for status, _ in statuses(answer)] == ["accepted", "duplicate", "accepted", "rejected"]
