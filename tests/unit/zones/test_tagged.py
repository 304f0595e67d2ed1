"""How far it is to the nearest zone of a tag."""

import pytest
from shapely import Point

from beacon_service.zones.tagged import Spot
from tests.factories.catalogue import floor_document, place, places, square, zone_document

SHOP = places(
    floors=[floor_document("ground"), floor_document("first", level=1)],
    zones=[
        zone_document("near", tags=["wine"], geometry=square(0, 0), floor="ground"),
        zone_document("far", tags=["wine", "rare"], geometry=square(0, 9), floor="ground"),
        zone_document("above", tags=["toys"], geometry=square(0, 0), floor="first"),
        zone_document("clinic", tags=["care"], geometry=square(0, 0), sensitive=True),
        zone_document("yard", tags=["cars"], geometry=square(0, 3), floor=None),
    ],
).tagged


def metres(tag, *, at=(0.5, 2), floor="ground", site="shop"):
    return SHOP.metres(site, tag, Spot(Point(*place(*at)), floor))


def test_it_is_the_way_to_the_nearest_edge_in_metres():
    assert metres("wine") == pytest.approx(11.1, abs=0.1)  # a step north
    assert metres("rare") == pytest.approx(77.9, abs=0.3)
    assert metres("wine", at=(3, 0.5)) == pytest.approx(13.6, abs=0.1)  # two steps east, 6.8 m each


def test_within_it_it_is_nothing():
    assert metres("wine", at=(0.5, 0.5)) == 0.0


def test_another_floor_is_out_of_reach_and_outdoors_is_on_all_of_them():
    assert metres("toys") is None
    assert metres("toys", floor="first") == pytest.approx(11.1, abs=0.1)
    assert metres("toys", floor=None) == pytest.approx(11.1, abs=0.1)
    assert metres("cars") == pytest.approx(11.1, abs=0.1)


@pytest.mark.parametrize(("site", "tag"), [("shop", "care"), ("shop", "tea"), ("mall", "wine")])
def test_sensitive_zones_are_none_and_neither_are_those_of_other_sites(site, tag):
    assert metres(tag, site=site) is None


def test_who_is_no_better_known_than_in_a_zone_is_as_near_as_that_zone():
    zone = places(zones=[zone_document("hall", geometry=square(0, 2, rows=2))]).zones["shop/hall"]
    assert SHOP.metres("shop", "wine", Spot(zone.geometry, None)) == pytest.approx(11.1, abs=0.1)


def test_an_edit_of_zones_is_measured_anew():
    before = places(zones=[zone_document("wines", tags=["wine"], geometry=square(0, 0))])
    after = places(zones=[zone_document("wines", tags=["wine"], geometry=square(0, 1))])
    spot = Spot(Point(*place(0.5, 3)), None)
    assert before.tagged.metres("shop", "wine", spot) > after.tagged.metres("shop", "wine", spot)
