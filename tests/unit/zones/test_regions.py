"""Which regions a phone watches from where it is."""

import pytest

from beacon_service.zones.regions import MOST_REGIONS, BeaconRegion, nearby, survey
from tests.factories.catalogue import (
    beacon_document,
    floor_document,
    places,
    site_document,
    square,
    zone_document,
)

U1, U2 = "7d0c1a52-4e0b-4c8e-9a57-5b1f3c0e6a21", "fda50693-a4e2-4fb1-afcf-c6eb07647825"


def ibeacon(uuid, major, minor):
    return f"ibeacon:{uuid}:{major}:{minor}"


def uuid_of(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


def beacon(site, *identities, longitude=4.9, latitude=52.37, name="b", **fields):
    document = beacon_document(f"{site}-{name}", site=site, identities=list(identities), **fields)
    return document | {"longitude": longitude, "latitude": latitude}


def around(longitude, latitude, *, site, name, half=0.001, **fields):
    west, east, south, north = longitude - half, longitude + half, latitude - half, latitude + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return zone_document(name, site=site, geometry={"type": "Polygon", "coordinates": [ring]}, **fields)


def watched(*, at=(4.9, 52.37), **kinds):
    return nearby(survey(places(**kinds)), *at)


def identifiers(found):
    return [region.identifier for region in found.regions]


def test_without_sites_there_is_nothing_to_watch_and_no_hurry_to_ask_again():
    found = watched(sites=[])

    assert (found.regions, found.next_check_after_m) == ((), 128_000)


def test_a_site_with_nothing_in_it_has_no_region():
    assert watched(sites=[site_document("bare")]).regions == ()


def test_a_uuid_of_one_site_is_watched_as_a_whole():
    found = watched(beacons=[beacon("shop", ibeacon(U1, 1, 2))])

    assert found.regions == (BeaconRegion(U1),)
    assert identifiers(found) == [f"beacon:{U1}"]


def test_sites_that_share_a_uuid_are_told_apart_by_major():
    found = watched(
        beacons=[beacon("near", ibeacon(U1, 1, 1)), beacon("far", ibeacon(U1, 2, 1), longitude=5.9)]
    )

    assert found.regions == (BeaconRegion(U1, 1), BeaconRegion(U1, 2))


def test_a_major_that_all_of_them_share_tells_nothing():
    found = watched(
        beacons=[beacon("near", ibeacon(U1, 1, 1)), beacon("far", ibeacon(U1, 1, 2), longitude=5.9)]
    )

    assert found.regions == (BeaconRegion(U1),)


def test_a_site_of_many_majors_is_watched_by_its_uuid():
    many = [beacon("near", ibeacon(U1, major, 1), name=f"b{major}") for major in range(5)]
    found = watched(beacons=[*many, beacon("far", ibeacon(U1, 9, 1), longitude=5.9)])

    assert set(found.regions[:2]) == {BeaconRegion(U1), BeaconRegion(U1, 9)}


def test_places_that_are_left_go_to_the_nearest_site_level_by_level():
    shop = [beacon("near", ibeacon(U1, n // 3, n), name=f"b{n}") for n in range(9)]
    mall = [beacon("far", ibeacon(U2, n // 3, n), name=f"b{n}", longitude=5.9) for n in range(9)]
    found = watched(beacons=[*shop, *mall])

    assert found.regions[:2] == (BeaconRegion(U1), BeaconRegion(U2))
    assert found.regions[2:5] == tuple(BeaconRegion(U1, major) for major in range(3))
    assert found.regions[5:] == tuple(BeaconRegion(U1, n // 3, n) for n in range(9))


def test_a_narrower_level_that_does_not_fit_is_left_out_as_a_whole():
    shop = [beacon("shop", ibeacon(U1, n // 10, n), name=f"b{n}") for n in range(20)]

    assert watched(beacons=shop).regions == (BeaconRegion(U1), BeaconRegion(U1, 0), BeaconRegion(U1, 1))


@pytest.mark.parametrize("status", ["quarantined", "retired"])
def test_a_beacon_out_of_use_is_not_watched(status):
    assert watched(beacons=[beacon("shop", ibeacon(U1, 1, 2), status=status)]).regions == ()


def test_one_in_quarantine_still_shares_its_uuid():
    found = watched(
        beacons=[
            beacon("shop", ibeacon(U1, 1, 1)),
            beacon("mall", ibeacon(U1, 2, 1), longitude=5.9, status="quarantined"),
        ]
    )

    assert found.regions == (BeaconRegion(U1, 1),)


def test_of_thirty_sites_the_twenty_nearest_are_watched_nearest_first():
    sites = [beacon(f"s{n:02}", ibeacon(uuid_of(n), 1, 1), longitude=4.9 + n / 10) for n in range(30)]

    found = watched(beacons=sites)
    assert identifiers(found) == [f"beacon:{uuid_of(n)}" for n in range(20)]
    # 0.1 degrees are 6.79 km here; half of that until the 20th and the 21st change places.
    assert found.next_check_after_m == 2_000

    other_end = watched(beacons=sites, at=(7.8, 52.37))
    assert identifiers(other_end) == [f"beacon:{uuid_of(n)}" for n in range(29, 9, -1)]


def test_going_less_far_than_told_leaves_the_same_regions():
    sites = [beacon(f"s{n:02}", ibeacon(uuid_of(n), 1, 1), longitude=4.9 + n / 10) for n in range(30)]
    surveyed = survey(places(beacons=sites))
    here = nearby(surveyed, 5.83, 52.37)

    for step in (-1, 1):
        there = nearby(surveyed, 5.83 + step * here.next_check_after_m / 67_900, 52.37)
        assert set(there.regions) == set(here.regions)


def test_a_site_of_more_regions_than_there_is_room_for_fills_it():
    zones = [around(4.9 + n / 50, 52.37, site="shop", name=f"z{n:02}") for n in range(25)]

    assert len(watched(zones=zones).regions) == MOST_REGIONS


def test_an_outdoor_zone_is_a_circle_around_it():
    (circle,) = watched(zones=[around(4.9, 52.37, site="shop", name="square")]).regions

    assert circle.identifier == "circle:shop/square"
    assert (circle.longitude, circle.latitude) == (4.9, 52.37)
    # Half of 0.002 degrees: 111.2 m north, 67.9 m east.
    assert circle.radius_m == 131


def test_a_circle_is_never_smaller_than_phones_can_tell():
    (circle,) = watched(zones=[zone_document("kiosk", geometry=square())]).regions

    assert circle.radius_m == 100


def test_a_zone_within_the_circle_of_another_needs_none_of_its_own():
    large = around(4.9, 52.37, site="shop", name="grounds", half=0.01)
    small = around(4.9, 52.37, site="shop", name="gate")

    assert identifiers(watched(zones=[small, large])) == ["circle:shop/grounds"]


def test_a_phone_is_told_of_no_sensitive_zone():
    assert watched(zones=[around(4.9, 52.37, site="shop", name="clinic", sensitive=True)]).regions == ()


def test_a_site_without_ibeacons_is_watched_by_a_circle_around_what_is_indoors():
    found = watched(
        floors=[floor_document("ground")],
        zones=[around(4.9, 52.37, site="shop", name="hall", floor="ground")],
        beacons=[beacon("shop", "mac:ac233f5a0b1c", longitude=4.902)],
    )

    (circle,) = found.regions
    assert circle.identifier == "circle:shop"
    assert circle.longitude == pytest.approx(4.9005)


def test_a_site_is_as_far_as_its_edge():
    found = watched(
        beacons=[beacon("small", ibeacon(U1, 1, 1), longitude=4.93)],
        zones=[around(5.0, 52.37, site="large", name="park", half=0.09)],
    )

    assert identifiers(found)[0] == "circle:large/park"


def test_across_the_antimeridian_it_is_the_short_way():
    islands = [around(179.99, 10, site="isle", name="west"), around(-179.99, 10, site="isle", name="east")]
    huts = [zone | {"floor": "ground"} for zone in islands]
    found = watched(at=(-179.99, 10), zones=huts, beacons=[beacon("far", ibeacon(U1, 1, 1), longitude=170)])

    circle = found.regions[0]
    assert circle.identifier == "circle:isle"
    assert abs(circle.longitude) == pytest.approx(180)
    assert circle.radius_m == pytest.approx(1209, abs=5)


def test_the_same_catalogue_gives_the_same_regions_whatever_the_order_of_its_documents():
    beacons = [beacon("shop", ibeacon(U1, n, 1), ibeacon(U2, 1, n), name=f"b{n}") for n in range(6)]

    assert watched(beacons=beacons) == watched(beacons=beacons[::-1])
