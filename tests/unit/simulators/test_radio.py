"""The radio: louder when near, fainter through floors, never below what a phone can hear."""

import numpy as np
import pytest

from beacon_service.geo import degrees
from simulators.radio import MOST_HEARD, SENSITIVITY_DBM, Spot, Transmitters, expected_rssi_dbm, listen
from simulators.venue import Beacon


@pytest.mark.parametrize(
    ("distance", "rssi"), [(1, -59), (2, -66), (5, -76), (10, -83), (20, -90), (30, -94)]
)
def test_the_worked_values_of_the_formula(distance, rssi):
    assert round(expected_rssi_dbm(-59, distance, 0)) == rssi


def test_a_floor_between_costs_as_much_as_a_slab_does():
    assert expected_rssi_dbm(-59, 5, 1) == expected_rssi_dbm(-59, 5, 0) - 16


def test_nothing_grows_without_bound_at_the_beacon_itself():
    assert expected_rssi_dbm(-59, 0.0, 0) == expected_rssi_dbm(-59, 0.5, 0)


def beacon(number, east_m):
    east, _ = degrees(east_m, 0, 52.0)
    return Beacon(f"b{number:02d}", "ground", 4.0 + east, 52.0, "u", 1, number, None, -59)


def test_near_beacons_are_heard_first_and_far_ones_not_at_all():
    beacons = Transmitters.of([(0, beacon(0, 1)), (0, beacon(1, 12)), (0, beacon(2, 200))])
    heard = [
        listen(Spot(0, "ground", 4.0, 52.0), beacons, 0.0, np.random.default_rng(seed)) for seed in range(200)
    ]
    loudest = [each[0].beacon.id for each in heard if each]
    assert loudest.count("b00") > 0.75 * len(loudest)
    assert all(one.beacon.id != "b02" and one.rssi_dbm >= SENSITIVITY_DBM for each in heard for one in each)


def test_a_scan_holds_only_so_many():
    beacons = Transmitters.of([(0, beacon(number, 2)) for number in range(30)])
    assert len(listen(Spot(0, "ground", 4.0, 52.0), beacons, 0.0, np.random.default_rng(1))) == MOST_HEARD
