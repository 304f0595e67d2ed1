"""Phones as their makers let them: what they hear when, what they tell of it, and how their pings leave them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.generating.hearing import GATHERS_S, MOST_SIGHTINGS, Ear, can_be_ranged
from simulators.generating.phones import (
    ALWAYS,
    BALANCED,
    LOW_LATENCY,
    LOW_POWER,
    MODELS,
    STOPS_SCANNING_S,
    WOKEN_S,
    Attending,
    Phone,
    attend,
    draw_phone,
)
from simulators.generating.radio.ether import ether_of, storey_heights_m
from simulators.generating.reporting import MOST_AT_ONCE, OFFLINE_S, requests_of
from simulators.generating.sites.built_in import BUILT_IN
from simulators.generating.sites.place import place_of
from simulators.generating.walking.terrain import terrain_of
from simulators.generating.walking.visit import Errand, make_visit


def phone(platform="android", **told):
    usual = {
        "model": "m",
        "os_version": "1",
        "locale": "nl-NL",
        "ear_db": 0.0,
        "used": ALWAYS,
        "service": True,
    }
    usual |= {"attention": 0.4, "ahead_s": 0.0, "phase_s": 0.0}
    return Phone(platform=platform, **(usual | told))


@pytest.mark.parametrize(
    ("scan", "share"), [(ALWAYS, 1.0), (LOW_LATENCY, 1.0), (BALANCED, 0.25), (LOW_POWER, 0.05)]
)
def test_windows_are_the_share_of_the_time_that_they_say(scan, share):
    shares = scan.shares(np.arange(10_000.0), 3.7)
    assert shares.mean() == pytest.approx(share, abs=0.002)
    assert shares.min() >= -1e-9
    assert shares.max() <= 1 + 1e-9


def test_an_iphone_hears_while_it_is_used_and_for_ten_seconds_at_the_door():
    found = attend(phone("ios"), 3_600, np.random.default_rng(1), in_hand=False)
    away = ~found.used
    assert 0.1 < away.mean() < 0.9
    assert (found.listens[found.used] == 1).all()
    behind = np.flatnonzero(away)
    assert (found.listens[behind[behind >= WOKEN_S]] == 0).all()


def test_android_without_a_service_stops_scanning_after_a_while():
    for service in (True, False):
        found = attend(phone(service=service, attention=0.02), 7_200, np.random.default_rng(3), in_hand=False)
        since = np.arange(7_200) - np.maximum.accumulate(np.where(found.used, np.arange(7_200), 0))
        long_away = since > STOPS_SCANNING_S
        assert long_away.any()
        assert bool(found.listens[long_away].sum() > 0) is service


def test_in_hand_there_are_no_gaps():
    assert attend(phone("ios"), 500, np.random.default_rng(1), in_hand=True).listens.tolist() == [1.0] * 500


def test_models_hear_differently_and_clocks_are_mostly_right():
    drawn = [draw_phone(np.random.default_rng(seed)) for seed in range(2_000)]
    ears = {
        name: np.median([each.ear_db for each in drawn if each.model == name])
        for models in MODELS.values()
        for name, _, _ in models
    }
    for models in MODELS.values():
        for name, _, ear_db in models:
            assert ears[name] == pytest.approx(ear_db, abs=0.6)
    ahead_s = np.abs([each.ahead_s for each in drawn])
    assert 0.85 < (ahead_s < 2).mean() < 0.95
    assert 0.01 < (ahead_s > 50).mean() < 0.06


@pytest.fixture(scope="module")
def visited():
    place = place_of(BUILT_IN["supermarket"](1))
    ether = ether_of(place, 1)
    ranged = np.array([can_be_ranged(beacon.identities) for beacon in place.beacons])
    terrain = terrain_of(place)
    errand = Errand(0.0, 43_200.0, True, np.ones(len(terrain.goals)))
    way = make_visit(terrain, errand, np.random.default_rng(1)).way
    return Ear(ether, storey_heights_m(place), ranged), way


def heard_by(visited, one, *, at=None, listens=None):
    ear, way = visited
    seconds = int(way.ends_s)
    at = np.arange(9, seconds, 10) if at is None else at
    attending = Attending(np.ones(seconds, dtype=bool), np.ones(seconds) if listens is None else listens)
    return ear.hear(way, one, attending, at, np.random.default_rng(4)), at


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_a_ping_has_one_sighting_of_a_beacon_loudest_first(visited, platform):
    heard, at = heard_by(visited, phone(platform))
    assert len(set(zip(heard.ping.tolist(), heard.beacon.tolist(), strict=True))) == len(heard.ping)
    for ping in range(len(at)):
        levels = heard.rssi_dbm[heard.ping == ping]
        assert len(levels) <= MOST_SIGHTINGS
        assert levels.tolist() == sorted(levels.tolist(), reverse=True)
    assert len(set(heard.ping.tolist())) > 0.9 * len(at)


def test_a_ping_tells_of_the_last_seconds_only(visited):
    _, way = visited
    for first, heard_in in ((95 - GATHERS_S, {0}), (95 - 2 * GATHERS_S, set()), (95, set())):
        listens = np.zeros(int(way.ends_s))
        listens[first : first + GATHERS_S] = 1.0
        heard, _ = heard_by(visited, phone(), at=np.array([94, 104, 114]), listens=listens)
        assert set(heard.ping.tolist()) == heard_in


def test_what_an_iphone_tells_is_smoother_and_sometimes_nothing(visited):
    told, _ = heard_by(visited, phone("ios"))
    raw, _ = heard_by(visited, phone("android"))
    assert (told.rssi_dbm == 0).mean() == pytest.approx(0.02, abs=0.015)
    assert (raw.rssi_dbm < 0).all()


def test_an_iphone_is_not_told_of_beacons_that_are_no_ibeacons(visited):
    ear, way = visited
    half = Ear(ear.ether, ear.heights_m, np.arange(len(ear.ranged)) % 2 == 0)
    heard, _ = heard_by((half, way), phone("ios"))
    assert set((heard.beacon % 2).tolist()) == {0}
    heard, _ = heard_by((half, way), phone("android"))
    assert set((heard.beacon % 2).tolist()) == {0, 1}


@settings(max_examples=150, deadline=None)
@given(count=st.integers(0, 300), seed=st.integers(0, 2**31))
def test_pings_leave_in_order_of_time_after_they_were_measured(count, seed):
    measured_s = [10.0 * number for number in range(1, count + 1)]
    requests = requests_of(measured_s, np.random.default_rng(seed))
    assert [each.at_s for each in requests] == sorted(each.at_s for each in requests)
    for request in requests:
        assert 1 <= len(request.pings) <= MOST_AT_ONCE
        assert len(set(request.pings)) == len(request.pings)
        assert all(request.at_s > measured_s[ping] for ping in request.pings)
        assert all(request.at_s < measured_s[ping] + OFFLINE_S[1] + 60 for ping in request.pings)
    sent = Counter(ping for request in requests for ping in request.pings)
    assert set(sent) <= set(range(count))
    assert max(sent.values(), default=0) <= 2


def test_in_a_crowd_everything_goes_wrong_now_and_then():
    measured_s = [10.0 * number for number in range(1, 101)]
    crowd = [requests_of(measured_s, np.random.default_rng(seed)) for seed in range(300)]
    sent = [Counter(ping for request in requests for ping in request.pings) for requests in crowd]
    twice = sum(sum(count == 2 for count in each.values()) for each in sent) / 30_000
    never = sum(100 - len(each) for each in sent) / 30_000
    order = [[ping for request in requests for ping in request.pings] for requests in crowd]
    assert twice == pytest.approx(0.02, abs=0.006)
    assert never == pytest.approx(0.004, abs=0.003)
    assert any(each != sorted(each) for each in order)
    assert any(len(request.pings) > 10 for requests in crowd for request in requests), (
        "a heap after a time offline"
    )
    shuffled = [
        request.pings for each in crowd for request in each if list(request.pings) != sorted(request.pings)
    ]
    assert shuffled
