"""Coming near: entering a ring around a zone from outside, and all that is none of it."""

import random

import msgspec
import pytest

from beacon_service.geo import degrees
from beacon_service.positioning.locate import Remembered, Sensed, locate_all, sense
from beacon_service.positioning.rings import Rings
from beacon_service.visits.advance import advance, fire, next_due
from beacon_service.visits.approach import MOST_NEAR, approach, fire_near
from beacon_service.visits.join import join
from beacon_service.visits.model import Presence, Stay
from beacon_service.zones.model import Position
from tests.factories.catalogue import SOUTH, WEST, places, square, zone_document
from tests.factories.presence import at

CAFE = zone_document("cafe", geometry=square(0, 0, columns=2, rows=2))


class Walk:
    """One phone past a café of 14 m by 22 m: `to` so many metres south of its wall (negative: inside)."""

    def __init__(self, *within_m, zones=(CAFE,), presence=None):
        self.places = places(zones=list(zones))
        self.about(*(within_m or (100,)))
        self.presence, self.nearings, self.moves, self.second = presence or Presence(), [], [], 0

    def about(self, *within_m):
        """From now on these distances are asked for."""
        zones = [zone for zone in self.places.zones.values() if not zone.sensitive]
        self.rings = Rings([(zone, one) for zone in zones for one in within_m], self.places.floor_counts)
        return self

    def to(self, *metres, every_s=10, accuracy_m=5.0, east_m=7.0):
        for away_m in metres:
            east, north = degrees(east_m, -away_m, SOUTH)
            self._ping(every_s, Position(WEST + east, SOUTH + north, accuracy_m))
        return self

    def lost(self, *, every_s=10):
        self._ping(every_s, None)
        return self

    def silent(self, seconds):
        self.second += seconds
        self._fire()
        return self

    def _ping(self, every_s, position):
        self.second += every_s
        self._fire()
        sensed = Sensed() if position is None else sense(self.places, Remembered(), (), position, at(0))
        (located,) = locate_all(self.places, [sensed])
        moved, moves = advance(self.presence, located, at(self.second), self.places, {})
        (near,) = self.rings.nearness([located])
        self.presence, nearings = approach(self.presence, moved, near, at(self.second), self.rings)
        self.moves += moves
        self.nearings += nearings

    def _fire(self):
        self.presence, moves = fire(self.presence, at(self.second), self.places)
        self.presence, nearings = fire_near(self.presence, at(self.second))
        self.moves += moves
        self.nearings += nearings

    @property
    def told(self):
        """`cafe~100 comes 30`"""
        words = {True: "comes", False: "entered"}
        return [
            f"{one.move.zone.removeprefix('shop/')} "
            f"{words[one.comes] if one.move.type == 'entered' else one.move.type} "
            f"{(one.move.at - at(0)).total_seconds():g}"
            for one in self.nearings
        ]

    @property
    def states(self):
        return {stay.zone.removeprefix("shop/"): stay.state for stay in self.presence.near}


def test_one_unmistakable_fix_comes_near():
    assert Walk().to(300, 200, 50).told == ["cafe~100 comes 30"]


def test_a_likely_one_waits_for_a_second():
    walk = Walk().to(200, 95, accuracy_m=12)
    assert (walk.told, walk.states) == ([], {"cafe~100": "entering"})
    assert walk.to(95, accuracy_m=12).told == ["cafe~100 comes 30"]


def test_doubt_neither_comes_near_nor_leaves():
    assert Walk().to(300, *[105] * 20, accuracy_m=12).told == []
    walk = Walk().to(300, 50, *[130] * 20, accuracy_m=12)
    assert (walk.told, walk.states) == (["cafe~100 comes 20"], {"cafe~100": "inside"})
    assert Walk().to(300, 50).to(*[300] * 20, accuracy_m=400).states == {"cafe~100": "inside"}


def test_who_appears_near_has_come_near_but_who_appears_in_the_zone_has_not():
    assert Walk().to(50).told == ["cafe~100 comes 10"]
    assert Walk().to(-10).told == ["cafe~100 entered 10"]


def test_who_is_about_to_be_in_the_zone_does_not_come_near_it():
    walk = Walk().to(300, -4, accuracy_m=8)
    assert [stay.state for stay in walk.presence.stays] == ["entering"]
    assert walk.told == ["cafe~100 entered 20"]


def test_leaving_the_zone_into_its_ring_is_no_coming_near():
    walk = Walk().to(-10, 30, 60, 60, 60, 60)
    assert [move.type for move in walk.moves] == ["entered", "exited"]
    assert walk.told == ["cafe~100 entered 10"]
    assert walk.to(*[300] * 14).told == ["cafe~100 entered 10", "cafe~100 exited 190"]


def test_coming_near_and_then_in_is_one_coming_near():
    assert Walk().to(300, 50, -10, -10, 50, 50, 50).told == ["cafe~100 comes 20"]


def test_one_has_left_when_far_enough_for_long_enough():
    assert Walk().to(50, *[120] * 30).states == {"cafe~100": "inside"}
    assert Walk().to(50, *[150] * 12).states == {"cafe~100": "exiting"}
    assert Walk().to(50, *[150] * 6, *[50] * 20).told == ["cafe~100 comes 10"]
    assert Walk().to(50, *[150] * 14).told == ["cafe~100 comes 10", "cafe~100 exited 140"]


def test_silence_ends_nearness_as_it_ends_a_stay():
    walk = Walk().to(50)
    assert next_due(walk.presence) == at(10 + 420)
    assert walk.silent(419).told == ["cafe~100 comes 10"]
    walk.silent(1)
    assert (walk.told[1:], walk.states) == (["cafe~100 exited 430"], {})
    assert walk.presence.fired_at == at(430)


def test_a_ping_without_a_place_changes_nothing():
    assert Walk().to(50).lost().states == {"cafe~100": "inside"}
    entering = Walk().to(95, accuracy_m=12)
    assert entering.lost().states == {"cafe~100": "entering"}
    assert entering.lost(every_s=31).states == {}


def test_each_distance_is_a_ring_of_its_own():
    assert Walk(100, 20).to(300, 60, 10).told == ["cafe~100 comes 20", "cafe~20 comes 30"]
    assert Walk(100, 20).to(300, 10).told == ["cafe~20 comes 20", "cafe~100 comes 20"]


def test_inside_a_mall_one_comes_near_its_shops():
    mall = zone_document("mall", geometry=square(-20, -40, columns=60, rows=60))
    walk = Walk(50, zones=(CAFE, mall)).to(600, 200, 30)
    assert walk.told == ["mall~50 entered 20", "cafe~50 comes 30"]
    assert [stay.zone for stay in walk.presence.stays] == ["shop/mall"]


def test_a_ring_that_is_new_greets_nobody_who_stands_in_it():
    walk = Walk(10).to(60, 60).about(10, 100).to(60, 60)
    assert walk.told == ["cafe~100 entered 30"]
    doubtful = Walk(10).to(95, 95, accuracy_m=12).about(10, 100).to(95, 95, accuracy_m=12)
    assert doubtful.told == ["cafe~100 entered 30"]


def test_nor_whoever_stands_in_it_and_was_heard_without_a_place_first():
    walk = Walk(10).to(60, 60).about(10, 100).lost().to(60, 60)
    assert walk.told == ["cafe~100 entered 40"]


def test_but_who_appears_without_a_place_and_is_then_found_near_has_come():
    assert Walk().lost().to(50).told == ["cafe~100 comes 20"]
    assert Walk(10).to(60).about(10, 100).silent(700).lost().to(60).told == ["cafe~100 comes 730"]


def test_a_ring_that_is_new_is_come_near_by_who_was_out_of_it():
    assert Walk(10).to(300).about(10, 100).to(300, 60).told == ["cafe~100 comes 30"]
    away = Walk(10).to(60).about(10, 100).silent(700).to(60)
    assert away.told == ["cafe~100 comes 720"], "where it was in the meantime nobody knows"


def test_a_ring_that_is_gone_is_left_like_a_zone_that_is_gone():
    walk = Walk().to(50).about().to(50, every_s=5)
    walk.rings = Rings()
    walk.to(*[50] * 14)
    assert (walk.told[-1].split()[1], walk.states) == ("exited", {})


@pytest.mark.parametrize("zones", [[], [CAFE | {"sensitive": True}]])
def test_a_zone_that_is_gone_or_sensitive_ends_its_ring(zones):
    walk = Walk().to(50)
    walk.places = places(zones=zones)
    walk.about(100).to(*[50] * 14)
    assert [line.split()[1] for line in walk.told] == ["comes", "exited"]


def test_of_many_at_once_the_widest_are_left_out():
    walk = Walk(*range(100, 150)).to(300, 50)
    assert sorted(stay.zone for stay in walk.presence.near) == [f"shop/cafe~{n}" for n in range(100, 132)]
    assert len(walk.presence.near) == MOST_NEAR
    assert sorted(walk.told) == [f"cafe~{n} comes 20" for n in range(100, 132)]
    assert walk.to(50, 50, every_s=400).told[32:] == [], (
        "those that are left out are not come near again and again"
    )
    assert len(msgspec.json.encode(walk.presence)) < 4096


def test_a_presence_stored_without_nearness_is_read_and_one_without_it_is_stored_as_before():
    stored = msgspec.json.encode(Presence(last_at=at(0), stays=(Stay("shop/cafe", "inside", at(0), at(0)),)))
    assert b"near" not in stored
    assert b"rings" not in stored
    assert msgspec.json.decode(stored, type=Presence).near == ()
    near = Walk().to(50).presence
    assert msgspec.json.decode(msgspec.json.encode(near), type=Presence) == near


@pytest.mark.parametrize("offset_m", [-8, 0, 8, 16])
@pytest.mark.parametrize("every_s", [5, 60])
def test_a_phone_that_lies_at_the_edge_comes_near_once_at_the_most(offset_m, every_s):
    """An hour of fixes that are off by 8 m north and 8 m east (one sigma), where they say 12 m of themselves."""
    draw, walk, visits, came = random.Random(offset_m * 100 + every_s), Walk(), {}, 0
    for _ in range(3600 // every_s):
        walk.nearings.clear()
        walk.to(
            100 + offset_m + draw.gauss(0, 8), every_s=every_s, accuracy_m=12.0, east_m=7 + draw.gauss(0, 8)
        )
        for one in walk.nearings:
            visits[one.move.zone], is_moment = join(visits, one.move.zone, one.move)
            came += is_moment and one.comes
    assert came <= 1
    if offset_m <= 0:
        assert came == 1
