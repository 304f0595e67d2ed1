"""Rings: how probably a fix is near a zone, in metres on the ground, wherever on earth."""

import math

import pytest

from beacon_service.positioning.rings import Rings, ring_key, zone_of_ring
from beacon_service.visits.evidence import OUTSIDE
from beacon_service.zones.circles import circle
from beacon_service.zones.model import NOWHERE, Located
from tests.factories.catalogue import SOUTH, WEST, floor_document, places, zone_document


def rectangle(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def rings(within_m=150, *, floors=(), floor=None, geometry=None):
    """Around a zone of 14 m by 22 m, or another."""
    drawn = geometry or rectangle(WEST, SOUTH, WEST + 2e-4, SOUTH + 2e-4)
    known = places(
        floors=[floor_document(name) for name in floors], zones=[zone_document(floor=floor, geometry=drawn)]
    )
    return Rings([(known.zones["shop/cafe"], within_m)], known.floor_counts)


def off(longitude, latitude, metres, bearing):
    """The point so far away, by a geodesic circle's corner there."""
    corners = list(circle(longitude, latitude, metres / _CORNER).exterior.coords)
    return min(corners, key=lambda corner: abs(_bearing(longitude, latitude, corner) - bearing))


# `circle` draws its corners a little outside, for its area.
_CORNER = math.sqrt(2 * math.pi / 64 / math.sin(2 * math.pi / 64))


def _bearing(longitude, latitude, corner):
    east = (corner[0] - longitude) * math.cos(math.radians(latitude))
    return math.degrees(math.atan2(east, corner[1] - latitude)) % 360


def fix(longitude, latitude, accuracy_m=1.0, *, floor=None, source="position", zones=()):
    return Located(source, zones, (longitude + 180) % 360 - 180, latitude, accuracy_m, floor)


def shares(found):
    return [(near.ring.key, near.share) for near in found]


def test_who_is_within_the_distance_is_near_and_so_is_who_is_in_the_zone():
    known = rings()
    away, near, inside = fix(WEST, SOUTH - 0.003), fix(WEST, SOUTH - 0.001), fix(WEST + 1e-4, SOUTH + 1e-4)
    found = known.nearness([away, near, NOWHERE, inside])
    assert found[2] is None
    assert [shares(one) for one in found if one is not None] == [
        [],
        [("shop/cafe~150", 1.0)],
        [("shop/cafe~150", 1.0)],
    ]


def test_at_the_edge_it_is_one_in_two_and_surer_further_in():
    (at_edge,), (further_in,) = rings().nearness(
        [fix(WEST + 1e-4, SOUTH - metres / 111_200, 20.0) for metres in (150, 130)]
    )
    assert at_edge.share == pytest.approx(0.5, abs=0.1)
    assert 0.8 < further_in.share < 1.0


@pytest.mark.parametrize("accuracy_m", [1.0, 20.0, 90.0, 200.0])
def test_who_is_far_in_or_far_out_need_not_be_looked_at_point_by_point(accuracy_m, monkeypatch):
    places_ = [fix(WEST + 1e-4, SOUTH - metres / 111_200, accuracy_m) for metres in range(-20, 400, 7)]
    quick = rings().nearness(places_)
    monkeypatch.setattr("beacon_service.positioning.rings.SPREAD_REACH", 1e3)  # each point, then
    slow = rings().nearness(places_)
    assert [[one[1:] for one in found if one.wider] for found in quick] == [
        [one[1:] for one in found if one.wider] for found in slow
    ]


@pytest.mark.parametrize("accuracy_m", [760.0, 900.0, 1400.0])
def test_of_a_coarse_fix_the_points_that_are_not_looked_at_are_few(accuracy_m, monkeypatch):
    places_ = [fix(WEST + 1e-4, SOUTH - metres / 111_200, accuracy_m) for metres in range(0, 2000, 25)]
    quick = [one[1:] for found in rings().nearness(places_) for one in found]
    monkeypatch.setattr("beacon_service.positioning.rings.COARSE", 1e3)
    slow = [one[1:] for found in rings().nearness(places_) for one in found]
    assert {share for share, *_ in quick} == {0.0}
    assert 0.0 < max(wider for _, wider, _ in slow) < OUTSIDE
    assert [vague for *_, vague in quick] == [vague for *_, vague in slow]


def test_who_may_be_anywhere_in_town_is_neither_near_nor_away():
    towns = [fix(WEST, SOUTH, accuracy_m) for accuracy_m in (1000.0, 2000.0, 1_000_000.0)]
    assert [found is None for found in rings().nearness(towns)] == [False, True, True]
    assert [found is None for found in rings(1000).nearness(towns)] == [False, False, True]


def test_one_leaves_further_out_than_one_comes():
    (between,) = rings().nearness([fix(WEST + 1e-4, SOUTH - 165 / 111_200)])[0]
    assert (between.share, between.wider) == (0.0, 1.0)
    (far,) = rings(1000).nearness([fix(WEST + 1e-4, SOUTH - 1090 / 111_200)])[0]
    assert (far.share, far.wider) == (0.0, 1.0)


@pytest.mark.parametrize("within_m", [10, 150, 5000])
@pytest.mark.parametrize("latitude", [0.0, -33.0, 52.0, 70.0, 84.9])
@pytest.mark.parametrize("longitude", [4.9, 179.99995, -179.99995])
@pytest.mark.parametrize("bearing", [0.0, 90.0, 180.0, 270.0, 45.0])
def test_metres_are_metres_everywhere_and_the_antimeridian_is_no_border(
    within_m, latitude, longitude, bearing
):
    """A zone of some centimetres, and points a thousandth nearer and further than the distance."""
    small = 5e-8
    known = rings(
        within_m, geometry=rectangle(longitude - small, latitude - small, longitude + small, latitude + small)
    )
    nearer, further = (
        fix(*off(longitude, latitude, within_m * (1 + step) - 0.01, bearing), accuracy_m=1e-6)
        for step in (-1e-3, 1e-3 + 0.02 / within_m)
    )
    (inside,), (outside,) = known.nearness([nearer, further])
    assert (inside.share, outside.share) == (1.0, 0.0)


@pytest.mark.parametrize("longitude", [4.9, 179.999, -179.997])
@pytest.mark.parametrize("away", [0.0031, -0.0031])
@pytest.mark.parametrize("latitude", [0.0, 70.0])
def test_a_wide_fix_reaches_over_the_antimeridian(longitude, away, latitude):
    away /= math.cos(math.radians(latitude))
    small = rectangle(longitude - 1e-5, latitude - 1e-5, longitude + 1e-5, latitude + 1e-5)
    (found,) = rings(geometry=small).nearness([fix(longitude + away, latitude, 350.0)])
    assert [near.vague for near in found] == [True]


def test_a_fix_wider_than_the_ring_that_reaches_it_is_vague():
    wide = [fix(WEST, SOUTH - metres / 111_200, 1000.0) for metres in (0, 900, 1300)]
    assert [[one.vague for one in found] for found in rings().nearness(wide)] == [[True], [True], [False]]
    assert not rings().nearness([fix(WEST, SOUTH, 50.0)])[0][0].vague


@pytest.mark.parametrize(
    ("floors", "of_zone", "of_fix", "share"),
    [
        (["ground", "first"], "ground", "ground", 1.0),
        (["ground", "first"], "ground", "first", 0.0),
        (["ground", "first"], "ground", None, 0.4),  # doubt
        (["ground"], "ground", None, 1.0),
        (["ground"], "ground", "first", 0.0),
        (["ground", "first"], None, "first", 1.0),
    ],
)
def test_a_zone_on_a_floor_is_neared_on_that_floor(floors, of_zone, of_fix, share):
    (near,) = rings(floors=floors, floor=of_zone).nearness([fix(WEST, SOUTH - 1e-4, floor=of_fix)])[0]
    assert near.share == share


def test_who_is_probably_in_the_zone_is_as_probably_near():
    """A belief may have two hills, and its middle may lie between them."""
    located = fix(WEST, SOUTH - 165 / 111_200, source="radio_map", zones=(("shop/cafe", 0.6),))
    (near,) = rings().nearness([located])[0]
    assert (near.share, near.wider) == (0.6, 1.0)


def test_several_are_told_from_the_shortest_distance_on():
    zone = places(zones=[zone_document()]).zones["shop/cafe"]
    known = Rings([(zone, within_m) for within_m in (1000, 20, 150)])
    assert [near.ring.within_m for near in known.nearness([fix(WEST, SOUTH)])[0]] == [20, 150, 1000]


def test_a_rings_key_is_nobodys_id_and_tells_its_zone():
    assert ring_key("shop/cafe", 150) == "shop/cafe~150"
    assert zone_of_ring("shop/cafe~150") == ("shop/cafe", 150)


def test_rings_are_told_apart_by_their_digest_and_none_are_nothing():
    assert not Rings()
    assert Rings().digest == 0
    assert rings(150).digest == rings(150).digest != rings(151).digest
    assert Rings().nearness([fix(WEST, SOUTH)]) == [()]
