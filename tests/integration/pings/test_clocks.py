"""Phones' clocks are wrong in every way there is; what they report is put on the server's clock, or refused."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories.catalogue import campaign_document, zone_document


@pytest.fixture
def cafe(shop):
    shop.configure(zones=[zone_document("cafe")], campaigns=[campaign_document("coffee")])
    shop.phone("anna")
    return shop


def sent(shop, ping_id, *, behind=timedelta(), age=timedelta(), **where):
    """A ping by a phone whose clock is behind by so much, made so long before it was sent."""
    phones_now = shop.clock.now() - behind
    body = shop.ping_body(ping_id, at=phones_now - age, **where)
    answer = shop.post("anna", body, sent_at=phones_now)
    assert answer.status_code == 200, answer.text
    return answer.json


def verdict(answer):
    (result,) = answer["results"]
    return result["status"], result["reasons"]


def kept(shop):
    """(at, offset in seconds) of each ping."""
    return [(at, ms / 1000) for at, ms in shop.rows("SELECT at, offset_ms FROM pings ORDER BY seq")]


@pytest.mark.parametrize("behind", [timedelta(hours=2), timedelta(days=-400), timedelta(seconds=-45)])
def test_a_wrong_clock_is_corrected_by_when_the_request_was_sent(cafe, behind):
    answer = sent(cafe, "1", behind=behind, age=timedelta(seconds=7))
    assert verdict(answer) == ("accepted", [])
    assert [one["campaign"] for one in answer["decisions"]] == ["coffee"]
    assert kept(cafe) == [(cafe.clock.now() - timedelta(seconds=7), behind.total_seconds())]


@pytest.mark.parametrize("seconds", [-30, -5, 0, 5, 30])
def test_less_than_half_a_minute_is_the_road_and_not_the_clock(cafe, seconds):
    sent(cafe, "1", behind=timedelta(seconds=seconds))
    assert kept(cafe) == [(cafe.clock.now() - timedelta(seconds=seconds), 0)]


def test_the_offset_stands_while_the_clock_agrees_within_half_a_minute(cafe):
    for number, seconds in enumerate((60, 75, 40, 200, 0)):
        sent(cafe, f"{number}", behind=timedelta(seconds=seconds))
        cafe.clock.advance(minutes=5)
    assert [offset for _, offset in kept(cafe)] == [60, 60, 60, 200, 0]


def test_a_request_that_does_not_say_when_it_was_sent_goes_by_the_offset_kept(cafe):
    sent(cafe, "1", behind=timedelta(hours=2))
    cafe.clock.advance(seconds=10)
    cafe.post("anna", cafe.ping_body("2", at=cafe.clock.now() - timedelta(hours=2)))
    assert kept(cafe)[1] == (cafe.clock.now(), 7200)


def test_a_clock_that_stands_at_1970_is_only_a_large_offset(cafe):
    answer = sent(cafe, "1", behind=cafe.clock.now() - datetime(1970, 1, 1, tzinfo=UTC))
    assert verdict(answer) == ("accepted", [])


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(hours=72), ("accepted", [])),
        (timedelta(hours=72, microseconds=1), ("rejected", ["too_old"])),
        (timedelta(minutes=-2), ("accepted", [])),
        (timedelta(minutes=-2, microseconds=-1), ("rejected", ["too_new"])),
    ],
)
def test_too_old_and_too_new_are_exact(cafe, age, expected):
    assert verdict(cafe.post("anna", cafe.ping_body("1", at=cafe.clock.now() - age)).json) == expected


def test_older_than_the_newest_is_late_and_never_a_trigger(cafe):
    cafe.ping("anna", "2", column=5)
    answer = cafe.post("anna", cafe.ping_body("1", at=cafe.clock.now() - timedelta(microseconds=1)))
    assert verdict(answer.json) == ("late", [])
    assert (answer.json["events"], answer.json["decisions"]) == ([], [])
    assert cafe.rows("SELECT ping_id, fix IS NULL FROM pings WHERE status = 'late'") == [("1", True)]


def test_of_the_very_same_instant_is_not_late(cafe):
    cafe.ping("anna", "1", column=5)
    assert verdict(cafe.post("anna", cafe.ping_body("2")).json) == ("accepted", [])


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("1970-01-01T00:00:00Z", "too_old"),
        ("0001-01-01T00:00:00Z", "too_old"),
        ("0001-01-01T00:00:00+14:00", "too_old"),
        ("2106-02-07T06:28:16Z", "too_new"),
        ("9999-12-31T23:59:59.999999Z", "too_new"),
        ("9999-12-31T23:59:59.999999-14:00", "too_new"),
    ],
)
def test_years_that_nobody_lives_in_are_refused_whatever_the_offset(cafe, at, reason):
    for hours in (None, 0, 2, -2):
        when = None if hours is None else cafe.clock.now() - timedelta(hours=hours)
        answer = cafe.post("anna", cafe.ping_body("1") | {"at": at}, sent_at=when)
        assert answer.status_code == 200, answer.text
        assert verdict(answer.json) == ("rejected", [reason])
    assert kept(cafe) == []


@pytest.mark.parametrize(
    "sent_at",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_request_sent_at_the_end_of_the_calendar_is_judged_and_no_fault(cafe, sent_at):
    headers = {
        "Authorization": f"Bearer {cafe.publishable}",
        "Beacon-Installation-Token": cafe.tokens["anna"],
    }
    for number, at in enumerate(("0001-01-01T00:00:00Z", "2026-06-03T12:00:00Z", "9999-12-31T23:59:59Z")):
        pings = [cafe.ping_body(f"{number}") | {"at": at}]
        body = {"installation_id": "anna", "sent_at": sent_at, "pings": pings}
        answer = cafe.client.post("/v1/pings", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert verdict(answer.json)[0] in {"accepted", "rejected"}


@pytest.mark.parametrize(
    "at",
    [
        "2026-06-03T12:00:00",
        "2026-06-03",
        "noon",
        1780488000,
        None,
        "2026-13-45T99:99:99Z",
        "2026-06-03T12:00:00+99:00",
    ],
)
def test_what_is_no_instant_is_malformed(cafe, at):
    answer = cafe.post("anna", cafe.ping_body("1") | {"at": at})
    assert answer.status_code == 200, answer.text
    assert verdict(answer.json) == ("rejected", ["malformed"])
    assert "$.at" in answer.json["results"][0]["detail"]
