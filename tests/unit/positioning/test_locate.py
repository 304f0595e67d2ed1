"""From sightings and positions to zones with probabilities: votes, doubt, memory, and what is not believed."""

import itertools
import math
import random
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.geo import degrees, distance_m
from beacon_service.positioning.locate import SPREAD
from beacon_service.zones.model import NOWHERE, Heard, Identity, Position, Sighting
from tests.factories.catalogue import (
    beacon_document,
    floor_document,
    place,
    places,
    site_document,
    square,
    zone_document,
)
from tests.factories.located import locate
from tests.factories.presence import NOON, at

ONE_METRE, FIVE_METRES, FAR = -59.0, -77.2, -90.0
PHONES = 250  # enough to know a share within 0.03


def heard(beacon, rssi_dbm=-65.0, tx_power_dbm=None):
    return Sighting(None, Identity(f"mac:{beacon}"), rssi_dbm, tx_power_dbm)


def beacon(name, where, floor="ground", **fields):
    return beacon_document(name, at=where, floor=floor, identities=[f"mac:{name}"], **fields)


def store(*beacons, floors=("ground", "first"), zones=None):
    """Two floors with a room each, one above the other, of 27 m by 44 m, within a geofence twice as wide."""
    room = square(0, 0, columns=4, rows=4)
    plain = [zone_document(f"{floor}-room", floor=floor, geometry=room) for floor in floors]
    outdoors = zone_document("yard", geometry=square(-2, -2, columns=8, rows=8))
    return places(
        floors=[floor_document(floor, level=level) for level, floor in enumerate(floors)],
        zones=[*plain, outdoors] if zones is None else zones,
        beacons=beacons,
    )


MIDDLE = beacon("middle", (2, 2))
ABOVE = beacon("above", (2, 2), "first")


def located(world, *sightings, position=None, memory=(), seconds=0):
    return locate(world, memory, sightings, position, at(seconds))[0]


def position(column=2.0, row=2.0, accuracy_m=5.0, floor=None):
    return Position(*place(column, row), accuracy_m, floor)


def test_the_zones_of_the_beacon_heard_are_likely_and_those_of_other_floors_are_not():
    found = located(store(MIDDLE), heard("middle"))
    assert (found.source, found.floor) == ("beacons", "ground")
    assert found.zones == (("shop/ground-room", 1.0), ("shop/yard", 1.0))
    assert found.beacons == (("middle", 1.0),)


@pytest.mark.parametrize(("level", "accuracy_m"), [(ONE_METRE, 2.0), (FIVE_METRES, 5.3), (FAR, 15.7)])
def test_the_accuracy_of_one_beacon_is_its_distance(level, accuracy_m):
    assert located(store(MIDDLE), heard("middle", level)).accuracy_m == pytest.approx(accuracy_m, abs=0.1)


def test_beacons_that_agree_are_better_than_one():
    four = [beacon(f"b{n}", spot) for n, spot in enumerate([(1, 1), (1, 3), (3, 1), (3, 3)])]
    found = located(store(*four), *(heard(f"b{n}", FIVE_METRES - 5) for n in range(4)))
    assert distance_m(found.longitude, found.latitude, *place(2, 2)) < 0.1
    assert found.accuracy_m == pytest.approx(5.3, abs=0.1)
    assert found.accuracy_m < located(store(*four), heard("b0", FIVE_METRES - 5)).accuracy_m


def test_beacons_further_apart_leave_more_doubt():
    close = [beacon(f"b{n}", spot) for n, spot in enumerate([(1, 1), (1, 2), (2, 1), (2, 2)])]
    wide = [beacon(f"b{n}", spot) for n, spot in enumerate([(0, 0), (0, 3), (3, 0), (3, 3)])]
    close_m, wide_m = (
        located(store(*four), *(heard(f"b{n}", FIVE_METRES) for n in range(4))).accuracy_m
        for four in (close, wide)
    )
    assert wide_m > 2 * close_m


def test_the_accuracy_holds_about_68_percent_of_phones_from_good_radio_to_bad():
    """Beacons every 12 m, three heard in each of seven seconds; half of a level's error (5 or 8 dB) lasts."""
    draw, beacons = random.Random(1), {}
    for column, row in itertools.product(range(-3, 4), repeat=2):
        longitude, latitude = degrees(12 * column, 12 * row, 0.0)
        where = {"longitude": longitude, "latitude": latitude}
        beacons[f"{column}/{row}"] = beacon(f"{column}/{row}", (0, 0)) | where
    world, within = places(beacons=list(beacons.values())), []
    for phone in range(PHONES):
        louder_db, noise_db = (-10, -4, 2, 8)[phone % 4], (5, 8)[phone // 4 % 2]
        spot = degrees(draw.uniform(-6, 6), draw.uniform(-6, 6), 0.0)
        mean_dbm = {
            name: level_dbm(one, spot) + louder_db + draw.gauss(0, noise_db / math.sqrt(2))
            for name, one in beacons.items()
        }
        memory = ()
        for second in range(7):
            now = {name: dbm + draw.gauss(0, noise_db / math.sqrt(2)) for name, dbm in mean_dbm.items()}
            audible = [name for name, dbm in now.items() if dbm > -96]
            sightings = [heard(name, now[name]) for name in draw.sample(audible, min(3, len(audible)))]
            found, memory = locate(world, memory, sightings, None, at(second))
        if found.source == "beacons":
            within.append(distance_m(found.longitude, found.latitude, *spot) <= found.accuracy_m)
    assert len(within) > 0.9 * PHONES
    assert sum(within) / len(within) == pytest.approx(0.68, abs=0.08)


def level_dbm(document, spot):
    metres = distance_m(document["longitude"], document["latitude"], *spot)
    return -59 - 26 * math.log10(math.hypot(metres, 1.6))


def test_the_nearer_of_two_beacons_weighs_more():
    world = store(beacon("near", (1, 2)), beacon("far", (3, 2)))
    found = located(world, heard("near", -65), heard("far", -80))
    assert found.beacons[0][0] == "near"
    assert distance_m(found.longitude, found.latitude, *place(1, 2)) < 2


def test_two_floors_heard_alike_leave_both_in_doubt():
    found = dict(located(store(MIDDLE, ABOVE), heard("middle"), heard("above")).zones)
    assert found["shop/ground-room"] == found["shop/first-room"] == 0.5
    assert found["shop/yard"] == 1.0


@given(st.floats(-95, -50), st.floats(-95, -50))
def test_rooms_one_above_the_other_are_never_both_likely(below_dbm, above_dbm):
    found = dict(located(store(MIDDLE, ABOVE), heard("middle", below_dbm), heard("above", above_dbm)).zones)
    assert found.get("shop/ground-room", 0) + found.get("shop/first-room", 0) <= 1.0001


def test_a_ping_is_at_one_site_the_one_heard_best():
    elsewhere = zone_document("room", site="other", floor="ground", geometry=square(0, 0, columns=4, rows=4))
    world = places(
        sites=[site_document(), site_document("other")],
        zones=[zone_document("room", floor="ground", geometry=square(0, 0, columns=4, rows=4)), elsewhere],
        beacons=[MIDDLE, beacon("other", (2, 2), site="other")],
    )
    assert located(world, heard("middle", -60), heard("other", -70)).zones == (("shop/room", 1.0),)


def test_a_beacon_without_floor_says_nothing_of_floors():
    found = located(store(beacon("gate", (2, 2), None)), heard("gate"))
    assert (found.floor, found.zones) == (None, (("shop/yard", 1.0),))


@pytest.mark.parametrize("level", [0.0, 127.0, 1.0, -128.0, math.nan, math.inf, -math.inf])
def test_levels_that_cannot_be_are_no_sightings(level):
    assert located(store(MIDDLE), heard("middle", level)) is NOWHERE


@pytest.mark.parametrize("advertised", [0, -2, 46, 127, -101, math.nan])
def test_a_calibration_that_cannot_be_is_ignored(advertised):
    assert located(store(MIDDLE), heard("middle", -65, advertised)) == located(
        store(MIDDLE), heard("middle", -65)
    )


def test_a_calibration_is_the_beacons_own_before_the_advertised():
    own = store(beacon("middle", (2, 2), tx_power_dbm=-65))
    assert located(own, heard("middle", -65, -50)).accuracy_m == pytest.approx(2.0, abs=0.1)
    assert located(store(MIDDLE), heard("middle", -65, -65)).accuracy_m == pytest.approx(2.0, abs=0.1)


def test_unknown_and_retired_beacons_say_nothing():
    world = store(beacon("old", (2, 2), status="retired"))
    assert located(world, heard("old"), heard("stranger")) is NOWHERE
    remembered = (Heard("old", -60, NOON), Heard("deleted", -60, NOON))
    assert located(world, position=position(), memory=remembered).source == "position"


def test_nothing_heard_is_nowhere_even_with_a_memory():
    _, memory = locate(store(MIDDLE), (), [heard("middle")], None, at(0))
    assert locate(store(MIDDLE), memory, (), None, at(3)) == (NOWHERE, memory)


def test_a_memory_lasts_seven_seconds():
    _, memory = locate(store(MIDDLE), (), [heard("middle")], None, at(0))
    assert locate(store(MIDDLE), memory, (), None, at(7))[1] == memory
    assert locate(store(MIDDLE), memory, (), None, at(7.1))[1] == ()


def test_memory_steadies_what_single_levels_scatter():
    world, memory, places_found = store(beacon("west", (1, 2)), beacon("east", (3, 2))), (), []
    for second in range(10):  # one a second, in turn
        name = ("west", "east")[second % 2]
        found, memory = locate(world, memory, [heard(name, -70)], None, at(second))
        places_found.append(distance_m(found.longitude, found.latitude, *place(2, 2)))
    assert max(places_found[1:]) < 3
    assert places_found[0] > 6


def test_levels_are_smoothed_towards_the_new_one():
    world = store(MIDDLE)
    _, memory = locate(world, (), [heard("middle", -60), heard("middle", -70)], None, at(0))
    assert memory[0].rssi_dbm == -65
    _, soon = locate(world, memory, [heard("middle", -85)], None, at(1))
    _, later = locate(world, memory, [heard("middle", -85)], None, at(6))
    assert -85 < later[0].rssi_dbm < soon[0].rssi_dbm < -65


def test_the_twelve_strongest_are_remembered():
    world = store(*(beacon(f"b{n:02}", (2, 2)) for n in range(20)))
    _, memory = locate(world, (), [heard(f"b{n:02}", -60 - n) for n in range(20)], None, at(0))
    assert [one.beacon for one in memory] == [f"b{n:02}" for n in range(12)]


def test_beacons_beat_a_position():
    assert located(store(MIDDLE), heard("middle"), position=position(30, 30)).source == "beacons"
    assert located(store(MIDDLE), heard("stranger"), position=position(30, 30)).source == "position"


def test_a_position_with_floor_addresses_that_floor_and_geofences():
    found = located(store(), position=position(floor="first"))
    assert found.zones == (("shop/first-room", 1.0), ("shop/yard", 1.0))
    assert (found.source, found.floor, found.accuracy_m) == ("position", "first", 5.0)


def test_a_position_without_floor_leaves_the_zones_of_several_floors_in_doubt():
    found = located(store(), position=position())
    assert found.zones == (("shop/yard", 1.0), ("shop/first-room", 0.4), ("shop/ground-room", 0.4))


def test_a_position_without_floor_is_enough_where_there_is_one_floor():
    found = located(store(floors=("ground",)), position=position())
    assert found.zones == (("shop/ground-room", 1.0), ("shop/yard", 1.0))


def test_a_position_is_as_wide_as_it_says():
    room = lambda accuracy_m, column=2.0: located(  # noqa: E731
        store(), position=position(column, accuracy_m=accuracy_m, floor="ground")
    ).probability("shop/ground-room")
    assert room(5) == 1.0
    assert room(5, column=0.0) == pytest.approx(0.5, abs=0.13)  # on its western wall
    assert room(30) == pytest.approx(0.33, abs=0.13)
    assert room(2000) <= 0.04


@pytest.mark.parametrize(
    "unusable",
    [
        Position(4.9, 52.37, -1.0),
        Position(4.9, 52.37, math.nan),
        Position(4.9, 52.37, math.inf),
        Position(4.9, 52.37, 1e300),
        Position(math.nan, 52.37, 5.0),
        Position(4.9, 91.0, 5.0),
        Position(181.0, 0.0, 5.0),
    ],
)
def test_a_position_that_cannot_be_is_none(unusable):
    assert located(store(), position=unusable) is NOWHERE


def test_the_spread_points_hold_68_percent_within_the_accuracy():
    radii = np.hypot(SPREAD[:, 0], SPREAD[:, 1])
    assert len(SPREAD) == 25
    assert np.mean(radii <= 1) == pytest.approx(0.68, abs=0.05)
    assert SPREAD.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    # The variance of the plane normal distribution whose 68 % radius is 1; the rings cut the tail off.
    assert np.mean(radii**2) == pytest.approx(1 / math.log(1 / 0.32), rel=0.15)


def test_beacons_on_both_sides_of_the_antimeridian_meet_between():
    def near(name, longitude):
        document = beacon(name, (0, 0))
        return document | {"longitude": longitude, "latitude": 0.0}

    found = located(places(beacons=[near("a", 179.9999), near("b", -179.9999)]), heard("a"), heard("b"))
    assert abs(found.longitude) == pytest.approx(180, abs=1e-6)


@given(
    st.lists(
        st.tuples(st.sampled_from(["middle", "above", "stranger"]), st.floats(), st.none() | st.floats()),
        max_size=5,
    ),
    st.none() | st.builds(Position, st.floats(), st.floats(), st.floats(), st.sampled_from([None, "ground"])),
)
def test_whatever_is_heard_probabilities_are_sorted_shares(sightings, fix):
    found, memory = locate(
        store(MIDDLE, ABOVE), (), [heard(*one) for one in sightings], fix, NOON + timedelta(days=1)
    )
    assert list(found.zones) == sorted(found.zones, key=lambda one: (-one[1], one[0]))
    assert all(0 < probability <= 1 for _, probability in found.zones)
    assert len(memory) <= 12
    assert found.source != "none" or found == NOWHERE
