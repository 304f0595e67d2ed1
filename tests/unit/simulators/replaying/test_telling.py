"""A ping keeps all but its times, and is the same each time that it is told."""

from datetime import datetime

import msgspec
import pytest

from simulators.replaying.clock import TraceClock
from simulators.replaying.telling import MOST_REMEMBERED, told_ping
from tests.factories.played import BEGINS_AT, at, ping, told

NOW = 2_000_000.0


def clock(speed=1.0):
    begins_s = BEGINS_AT.timestamp()
    return TraceClock.begun(begins_s, begins_s + 3600, speed, "compressed", NOW)


def body(one):
    return msgspec.json.decode(one.body)


def seconds(text):
    return datetime.fromisoformat(text).timestamp() - NOW


def now_told(one, speed=1.0, ahead_s=0.0, remembered=None, ahead_told_s=None):
    ahead_told_s = ahead_s if ahead_told_s is None else ahead_told_s
    remembered = {} if remembered is None else remembered
    return told_ping(one, clock(speed), ahead_s=ahead_s, ahead_told_s=ahead_told_s, told=remembered)


def test_nothing_but_its_time_changes():
    one = ping("p1", 10, battery=5, position={"latitude": 1, "longitude": 2, "accuracy_m": 3, "odd": None})
    told_now = body(now_told(one))
    assert seconds(told_now.pop("at")) == pytest.approx(10)
    assert told_now == {name: value for name, value in one.items() if name != "at"}


def test_a_wrong_clock_stays_as_wrong_as_it_was_at_any_speed():
    for speed in (1.0, 10.0):
        one = now_told(ping("p1", 100, ahead_s=300), speed, ahead_s=300.0)
        assert seconds(body(one)["at"]) == pytest.approx(100 / speed + 300)
        assert one.at_s - NOW == pytest.approx(100 / speed)


def test_ages_within_a_flush_are_compressed_with_everything_else():
    ages = [seconds(body(now_told(ping(f"p{s}", s), speed=10.0))["at"]) for s in (0, 20, 30)]
    assert ages == pytest.approx([0, 2, 3])


def test_sightings_are_as_long_before_their_ping_as_they_were():
    heard = [{"type": "mac", "mac": "m", "rssi": -1, "at": told(at(s))} for s in (8, 10)]
    one = body(now_told(ping("p1", 10, sightings=[*heard, {"type": "mac", "mac": "n", "rssi": -2}]), 10.0))
    assert [seconds(each["at"]) for each in one["sightings"][:2]] == pytest.approx([0.8, 1.0])
    assert "at" not in one["sightings"][2]


def test_a_gateway_tells_by_its_own_clock():
    one = now_told(ping("p1", 100, ahead_s=300), ahead_s=300.0, ahead_told_s=0.0)
    assert seconds(body(one)["at"]) == pytest.approx(100)


def test_what_is_told_again_is_the_same_though_the_clock_was_set_meanwhile():
    remembered = {}
    first = now_told(ping("p1", 100), remembered=remembered)
    again = now_told(ping("p1", 100), ahead_s=50.0, remembered=remembered)
    assert first.body == again.body


def test_what_is_remembered_is_bounded():
    remembered = {}
    for number in range(1000):
        now_told(ping(f"p{number}", number), remembered=remembered)
    assert len(remembered) == MOST_REMEMBERED
    assert "p999" in remembered


@pytest.mark.parametrize("when", [None, 5, "yesterday", "2026-03-02T10:00:00", [], "9999-99-99"])
def test_what_the_service_would_refuse_is_told_as_it_stands(when):
    one = {"ping_id": "p1", "at": when, "sightings": "none"}
    assert body(now_told(one)) == one
