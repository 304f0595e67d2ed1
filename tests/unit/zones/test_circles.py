"""A circle on the ground, told by a centre and a radius."""

import math

import pytest
import shapely

from beacon_service.geo import distance_m
from beacon_service.zones import geometry as geometries
from beacon_service.zones.catalogue import Places
from beacon_service.zones.circles import CORNERS, circle
from tests.factories.catalogue import documents, zone_document

PLACES = [(4.9, 0.0), (4.9, 52.37), (24.9, 60.17), (-179.5, 60.0), (18.06, -59.3), (0.0, 84.4)]


def said(geometry, radius_m):
    return [f"{'/'.join(flaw.path)} {flaw.what}" for flaw in geometries.circle_flaws(geometry, radius_m)]


def point(longitude, latitude):
    return {"type": "Point", "coordinates": [longitude, latitude]}


@pytest.mark.parametrize("centre", PLACES)
@pytest.mark.parametrize("radius_m", [0.5, 30.0, 1000.0, 50_000.0])
def test_corners_lie_as_far_off_as_the_ground_has_it(centre, radius_m):
    corners = shapely.get_coordinates(circle(*centre, radius_m))

    # The sphere of `distance_m` is off by up to 0.6 % of the ellipsoid; PostGIS is asked in the integration tests.
    away = [distance_m(*centre, *corner) for corner in corners]
    assert min(away) > 0.994 * radius_m
    assert max(away) < 1.007 * radius_m
    assert len(corners) == CORNERS + 1 >= 65
    assert corners[0].tolist() == corners[-1].tolist()


@pytest.mark.parametrize(("latitude", "ratio"), [(0.0, 1.0), (60.0, 2.0)])
def test_it_is_round_on_the_ground_and_so_wider_in_degrees_further_north(latitude, ratio):
    west, south, east, north = circle(4.9, latitude, 100.0).bounds

    assert (east - west) / (north - south) == pytest.approx(ratio, rel=0.01)
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((4.9, latitude), abs=1e-7)


def test_outlines_run_against_the_clock():
    assert circle(4.9, 52.37, 20.0).exterior.is_ccw
    assert circle(4.9, 52.37, 20.0).is_valid


def test_a_circle_has_the_area_of_its_circle():
    zone = zone_document(geometry=point(4.9, 52.37), radius_m=30.0)
    (found,) = Places().updated(documents(zones=[zone])).zones.values()

    # On the mean sphere, from which the ellipsoid of the corners differs by 0.4 % here.
    assert found.area_m2 == pytest.approx(math.pi * 30.0**2, rel=0.005)


@pytest.mark.parametrize(
    ("geometry", "radius_m", "expected"),
    [
        (point(4.9, 52.37), 30.0, []),
        (point(4.9, 52.37), None, ["radius_m is missing: a zone drawn as a Point is a circle"]),
        ({"type": "Polygon"}, 30.0, ["radius_m says nothing of a Polygon"]),
        ({"type": "Polygon"}, None, []),
        (point(179.999, -17.0), 1000.0, ["geometry/coordinates the circle crosses the antimeridian"]),
        (point(-180.0, 0.0), 0.5, ["geometry/coordinates the circle crosses the antimeridian"]),
        (point(179.0, -17.0), 50_000.0, []),
        (
            point(0.0, 84.9),
            50_000.0,
            [
                "geometry/coordinates the circle comes too near to a pole for distances to be measured on a plane"
            ],
        ),
        (
            point(0.0, -84.9),
            50_000.0,
            [
                "geometry/coordinates the circle comes too near to a pole for distances to be measured on a plane"
            ],
        ),
    ],
)
def test_a_radius_belongs_to_a_point_and_the_circle_on_the_plane(geometry, radius_m, expected):
    assert said(geometry, radius_m) == expected


def test_a_longitude_across_the_antimeridian_is_told_as_such():
    (flaw,) = geometries.drawing_flaws(point(180.1, -17.0))

    assert flaw.what == "longitude 180.1 lies across the antimeridian"
