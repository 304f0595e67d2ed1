from zoneinfo import ZoneInfo

import numpy as np
import pytest

from beacon_service.configuration.model import Documents
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Identity, Sighting
from tests.factories.catalogue import (
    beacon_document,
    documents,
    floor_document,
    place,
    places,
    site_document,
    square,
    zone_document,
)

SHARED = Identity("ibeacon:fda50693-a4e2-4fb1-afcf-c6eb07647825:0:0")
MAC = Identity("mac:ac233f5a0b1c")
OTHER_MAC = Identity("mac:ac233f5a0b1d")


def heard(*, identity=None, mac=None):
    return Sighting(identity=identity, mac=mac, rssi_dbm=-60)


def zones_covering(found, *points):
    covered = found.index.covering(np.array(points))
    return [(point, found.index.zones[zone].key) for point, zone in zip(*covered, strict=True)]


def test_a_point_on_a_common_edge_is_in_both_zones():
    found = places(
        zones=[zone_document("left", geometry=square(0)), zone_document("right", geometry=square(1))]
    )

    assert zones_covering(found, place(1, 0.5)) == [(0, "shop/left"), (0, "shop/right")]


def test_a_point_in_a_hole_is_outside_and_one_on_its_rim_inside():
    ring = {
        "type": "Polygon",
        "coordinates": [square(columns=3, rows=3)["coordinates"][0], square(1, 1)["coordinates"][0]],
    }
    found = places(zones=[zone_document("ring", geometry=ring)])

    assert zones_covering(found, place(1.5, 1.5), place(1, 1), place(0.5, 0.5)) == [
        (1, "shop/ring"),
        (2, "shop/ring"),
    ]


def test_many_points_are_answered_by_point_and_then_by_zone():
    found = places(zones=[zone_document("b"), zone_document("a", geometry=square(columns=2))])

    assert zones_covering(found, place(1.5, 0.5), place(0.5, 0.5)) == [
        (0, "shop/a"),
        (1, "shop/a"),
        (1, "shop/b"),
    ]


def test_depth_counts_the_zones_that_contain_it():
    found = places(
        floors=[floor_document()],
        zones=[
            zone_document("grounds", geometry=square(columns=10, rows=10)),
            zone_document("shop", floor="ground", geometry=square(1, 1, columns=5, rows=5)),
            zone_document("aisle", floor="ground", geometry=square(2, 2)),
            zone_document("overlapping", floor="ground", geometry=square(5.5, 1)),
        ],
    )

    assert {zone.name: zone.depth for zone in found.zones.values()} == {
        "grounds": 0,
        "shop": 1,
        "aisle": 2,
        "overlapping": 1,
    }


def test_zones_of_another_floor_or_site_contain_nothing_here():
    large = square(columns=5, rows=5)
    found = places(
        sites=[site_document("shop"), site_document("mall")],
        floors=[floor_document("ground"), floor_document("first")],
        zones=[
            zone_document("above", floor="first", geometry=large),
            zone_document("elsewhere", site="mall", geometry=large),
            zone_document("here", floor="ground", geometry=square(1, 1)),
            zone_document("outdoors", geometry=square(2, 2)),
        ],
    )

    assert found.zones["shop/here"].depth == 0
    assert found.zones["shop/outdoors"].depth == 0


def test_of_two_equal_zones_the_one_with_the_smaller_key_is_the_outer():
    found = places(zones=[zone_document("b"), zone_document("a")])

    assert (found.zones["shop/a"].depth, found.zones["shop/b"].depth) == (0, 1)


def test_an_area_is_in_square_metres_where_the_zone_lies():
    # 0.0001 degrees are 11.12 m north and, at 52.37 degrees, 6.79 m east.
    assert places(zones=[zone_document()]).zones["shop/cafe"].area_m2 == pytest.approx(75.49, abs=0.01)


def test_an_edit_changes_what_it_names_and_leaves_the_earlier_value_alone():
    before = places(zones=[zone_document("cafe"), zone_document("toys", geometry=square(3))])
    after = before.updated(
        documents(
            sites=[site_document(time_zone="Asia/Tokyo")],
            zones=[zone_document("cafe", geometry=square(columns=5))],
            deleted=[("zone", "shop/toys")],
        )
    )

    assert zones_covering(after, place(3.5, 0.5)) == [(0, "shop/cafe")]
    assert zones_covering(before, place(3.5, 0.5)) == [(0, "shop/toys")]
    assert after.sites["shop"].time_zone == ZoneInfo("Asia/Tokyo")


def test_an_edit_of_one_zone_may_change_the_depth_of_others():
    before = places(zones=[zone_document("aisle", geometry=square(1, 1))])
    after = before.updated(documents(zones=[zone_document("hall", geometry=square(columns=4, rows=4))]))

    assert after.zones["shop/aisle"].depth == 1
    assert after.updated(documents(deleted=[("zone", "shop/hall")])).zones["shop/aisle"].depth == 0


def test_a_parent_or_a_floor_that_is_told_later_changes_depths_though_nothing_is_drawn_anew():
    hall, shelf = (
        zone_document("hall", geometry=square(columns=4)),
        zone_document("shelf", geometry=square(3.5)),
    )
    floors = [floor_document("ground"), floor_document("first")]
    before = places(floors=floors, zones=[hall | {"floor": "first"}, shelf | {"floor": "ground"}])
    assert before.zones["shop/shelf"].depth == 0

    declared = before.updated(documents(zones=[shelf | {"floor": "ground", "parent": "hall"}]))
    assert declared.zones["shop/shelf"].depth == 1

    inside = zone_document("shelf", geometry=square(1), floor="ground")
    upstairs = before.updated(documents(zones=[inside])).updated(
        documents(zones=[inside | {"floor": "first"}])
    )
    assert upstairs.zones["shop/shelf"].depth == 1


def test_step_by_step_and_at_once_come_to_the_same():
    cafe, toys = zone_document("cafe"), zone_document("toys", geometry=square(columns=3))
    beacon = beacon_document(identities=[MAC])
    at_once = places(zones=[cafe, toys], beacons=[beacon])
    by_step = Places()
    for kinds in ({"zones": [toys]}, {"beacons": [beacon]}, {"zones": [cafe]}):
        by_step = by_step.updated(documents(**kinds))

    assert (by_step.sites, by_step.zones, by_step.beacons) == (at_once.sites, at_once.zones, at_once.beacons)
    assert by_step.index.zones == at_once.index.zones


def test_a_beacon_is_known_by_what_it_advertises():
    found = places(beacons=[beacon_document("b1", identities=[SHARED])])

    assert found.beacon(heard(identity=SHARED)).id == "b1"


def test_radios_that_share_an_identity_are_told_apart_by_mac():
    found = places(
        beacons=[
            beacon_document("b1", identities=[SHARED, MAC]),
            beacon_document("b2", identities=[SHARED, OTHER_MAC]),
        ]
    )

    assert found.beacon(heard(identity=SHARED, mac=OTHER_MAC)).id == "b2"
    assert found.beacon(heard(identity=SHARED)) is None


def test_an_unknown_mac_leaves_the_identity_to_decide():
    found = places(beacons=[beacon_document("b1", identities=[SHARED])])

    assert found.beacon(heard(identity=SHARED, mac=MAC)).id == "b1"


@pytest.mark.parametrize("status", ["quarantined", "retired"])
def test_a_beacon_out_of_use_is_not_heard_by_its_mac_nor_by_its_identity(status):
    found = places(beacons=[beacon_document("b1", identities=[SHARED, MAC], status=status)])

    assert found.beacon(heard(identity=SHARED)) is None
    assert found.beacon(heard(identity=SHARED, mac=MAC)) is None


def test_a_quarantined_beacon_still_transmits_so_who_shares_its_identity_is_known_by_mac_only():
    found = places(
        beacons=[
            beacon_document("b1", identities=[SHARED, MAC]),
            beacon_document("b2", identities=[SHARED, OTHER_MAC], status="quarantined"),
        ]
    )

    assert found.beacon(heard(identity=SHARED)) is None
    assert found.beacon(heard(identity=SHARED, mac=MAC)).id == "b1"
    assert found.beacon(heard(identity=SHARED, mac=OTHER_MAC)) is None


def test_a_retired_beacon_is_gone_and_hides_nobody():
    found = places(
        beacons=[
            beacon_document("b1", identities=[SHARED, MAC]),
            beacon_document("b2", identities=[SHARED, OTHER_MAC], status="retired"),
        ]
    )

    assert found.beacon(heard(identity=SHARED)).id == "b1"
    assert found.beacon(heard(identity=SHARED, mac=OTHER_MAC)) is None


def test_a_beacon_that_comes_out_of_quarantine_is_heard_again():
    quarantined = places(beacons=[beacon_document("b1", identities=[SHARED], status="quarantined")])
    active = quarantined.updated(documents(beacons=[beacon_document("b1", identities=[SHARED])]))

    assert active.beacon(heard(identity=SHARED)).id == "b1"
    assert quarantined.beacon(heard(identity=SHARED)) is None


def test_whose_health_is_watched_is_heard_in_quarantine_too():
    found = places(beacons=[beacon_document("b1", identities=[SHARED], status="quarantined")])

    assert found.transmitter(heard(identity=SHARED)).beacon.id == "b1"


def test_one_beacon_is_known_by_each_of_its_identities():
    eddystone = Identity("eddystone_uid:edd1ebeac04e5defa017:0bdb87539b67")
    altbeacon = Identity("altbeacon:2f234454-cf6d-4a0f-adf2-f4911ba9ffa6:1:2")
    found = places(beacons=[beacon_document("b1", identities=[SHARED, eddystone, altbeacon, MAC])])

    for identity in (SHARED, eddystone, altbeacon):
        assert found.beacon(heard(identity=identity)).id == "b1"
    assert found.beacon(heard(mac=MAC)).id == "b1"


def test_what_nobody_registered_is_no_beacon():
    assert places().beacon(heard(identity=SHARED, mac=MAC)) is None
    assert places().beacon(heard()) is None


def test_a_phones_model_has_its_offset_and_an_unknown_one_none():
    found = Places().updated(
        Documents(version=1, bodies={("phone", "pixel 9"): {"model": "pixel 9", "offset_db": -4.5}})
    )

    assert found.phone_offset_db(" Pixel 9") == -4.5
    assert found.phone_offset_db("iPhone17,1") == 0.0
    assert found.phone_offset_db(None) == 0.0
