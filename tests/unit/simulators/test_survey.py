"""Beacons found by a survey: where loudest, only on evidence, never an address that rotates."""

import pytest

from simulators.survey import Recorded, Waypoint, place_beacons, position_at

HOUR_MS = 3_600_000
IDENTITY = ("u", 1, 2)


def straight_way(start_ms, floor="F1"):
    return [Waypoint(start_ms, floor, 0.0, 0.0), Waypoint(start_ms + 10_000, floor, 0.0, 0.0010)]


WAYS = {"a": straight_way(0), "b": straight_way(24 * HOUR_MS), "up": straight_way(48 * HOUR_MS, "F2")}


def heard(trace, second, rssi, mac="m1"):
    return Recorded(trace, WAYS[trace][0].t_ms + second * 1000, IDENTITY, mac, -58, rssi)


def passing_by(mac="m1", traces=("a", "b")):
    """Loudest at second 6 of the way."""
    return [heard(trace, s, -60 - 6 * abs(s - 6), mac) for trace in traces for s in range(3, 10)]


def test_a_walker_is_between_waypoints_in_proportion():
    assert position_at(WAYS["a"], 2_500).longitude == pytest.approx(0.00025)
    assert position_at(WAYS["a"], -500) == WAYS["a"][0]
    assert position_at(WAYS["a"], 10_000) == WAYS["a"][1]
    assert position_at(WAYS["a"], 12_000) is None
    assert position_at([], 0) is None


def test_a_beacon_hangs_where_it_was_loudest():
    (placed,) = place_beacons(passing_by(), WAYS)
    assert placed.longitude == pytest.approx(0.0006, abs=2e-6)
    assert (placed.floor, placed.identity, placed.tx_power_dbm) == ("F1", IDENTITY, -58)


def test_many_faint_hearings_do_not_pull_a_beacon_away_from_where_it_was_loud():
    loud = [heard(trace, 2, -70) for trace in ("a", "b") for _ in range(5)]
    faint = [heard("a", 9, -78) for _ in range(60)]
    (placed,) = place_beacons([*loud, *faint], WAYS)
    assert placed.longitude == pytest.approx(0.0002, abs=1e-6)


def test_the_floor_is_where_it_was_heard_loudly_not_where_it_was_heard_often():
    faint_upstairs = [heard("up", s, -92) for s in range(10)]
    (placed,) = place_beacons([*passing_by(), *faint_upstairs], WAYS)
    assert placed.floor == "F1"


def test_too_little_evidence_places_nothing():
    assert place_beacons(passing_by(traces=("a",)), WAYS) == ()
    assert place_beacons([heard("a", 1, -50), heard("b", 1, -50)], WAYS) == ()


def test_an_identity_shared_by_several_beacons_names_none_of_them():
    placed = place_beacons([*passing_by("m1"), *passing_by("m2")], WAYS)
    assert [(beacon.mac, beacon.identity) for beacon in placed] == [("m1", None), ("m2", None)]


@pytest.mark.parametrize(
    ("mac_of_walk", "placed"),
    [(lambda walk: walk // 2, 0), (lambda walk: walk % 4, 4)],
    ids=["each heard for a minute", "each heard for hours"],
)
def test_addresses_of_one_identity_that_come_and_go_within_minutes_are_left_out(mac_of_walk, placed):
    ways = {f"t{walk}": straight_way(walk // 2 * HOUR_MS + walk % 2 * 60_000) for walk in range(8)}
    rows = [
        Recorded(f"t{walk}", ways[f"t{walk}"][0].t_ms + s * 1000, IDENTITY, f"m{mac_of_walk(walk)}", -59, -60)
        for walk in range(8)
        for s in range(5)
    ]
    assert len(place_beacons(rows, ways)) == placed


def test_an_absurd_calibrated_power_is_not_believed():
    rows = [Recorded(r.trace, r.t_ms, r.identity, r.mac, 0, r.rssi_dbm) for r in passing_by()]
    (placed,) = place_beacons(rows, WAYS)
    assert placed.tx_power_dbm is None
