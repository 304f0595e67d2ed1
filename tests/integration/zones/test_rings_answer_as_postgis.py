"""Who is within some metres of a zone in memory is so for PostGIS too: ST_DWithin of geographies, on the ellipsoid.

They may differ in a narrow band about the distance. The plane that rings are drawn on is off by (r / R)^2 / 2 for what
lies r from the zone's middle, below 1e-6 up to 9 km. Sides of zones are straight on a map of degrees here and the
shortest way on the ground there: the two lie L^2 tan(latitude) / 8R apart, 0.13 m in the middle of a side of 1 km
at 80 degrees. Both together stay within a thousandth of the distance and 2 cm for zones up to 100 m, as drawn here,
and a thousandth and 15 cm for those of a kilometre; a phone knows its place to some metres.
"""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_service.positioning.rings import LARGEST_WITHIN_M, SMALLEST_WITHIN_M, Rings
from beacon_service.zones.model import Located
from tests.factories.catalogue import places, zone_document

METRES_PER_DEGREE = 111_195.0
POINTS = 200


@pytest.fixture(scope="module")
def connection(test_cluster, worker_database):
    with test_cluster.connect(database=worker_database) as opened:
        yield opened


def zone_about(longitude, latitude, size_m, random):
    """A convex one of up to nine corners."""
    turns = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 10)))
    reach = size_m / METRES_PER_DEGREE * random.uniform(0.3, 1.0, len(turns))
    east = longitude + reach * np.cos(turns) / np.cos(np.radians(latitude))
    return shapely.convex_hull(
        shapely.multipoints(np.stack([east, latitude + reach * np.sin(turns)], axis=1))
    )


def points_about(zone, within_m, random):
    """Around it, three in four of them within a hundredth of the distance."""
    middle = zone.centroid
    turns = random.uniform(0, 2 * np.pi, POINTS)
    size = np.sqrt(zone.area * np.cos(np.radians(middle.y))) * METRES_PER_DEGREE
    away = (within_m + size * random.uniform(0, 1, POINTS)) * random.normal(1, 0.01, POINTS)
    away[::4] = random.uniform(0, 1.5 * (within_m + size), len(away[::4]))
    north = away * np.sin(turns) / METRES_PER_DEGREE
    east = away * np.cos(turns) / METRES_PER_DEGREE / np.cos(np.radians(middle.y))
    longitudes = (middle.x + east + 180) % 360 - 180
    return np.stack([longitudes, middle.y + north], axis=1)


def within(zone, within_m, points):
    known = places(zones=[zone_document(geometry=shapely.geometry.mapping(zone))])
    rings = Rings([(known.zones["shop/cafe"], within_m)], known.floor_counts)
    exact = [Located("position", (), x, y, 1e-6) for x, y in points.tolist()]
    return [bool(found and found[0].share == 1.0) for found in rings.nearness(exact)]


def within_by_postgis(connection, zone, within_m, points):
    rows = connection.execute(
        """
        SELECT ST_DWithin(ST_GeomFromWKB(%s, 4326)::geography, point, %s), ST_Distance(
            ST_GeomFromWKB(%s, 4326)::geography, point)
        FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS at (x, y, number),
            LATERAL (SELECT ST_SetSRID(ST_MakePoint(x, y), 4326)::geography AS point) AS made
        ORDER BY number
        """,
        [zone.wkb, float(within_m), zone.wkb, points[:, 0].tolist(), points[:, 1].tolist()],
    )
    return rows.fetchall()


@pytest.mark.parametrize(("size_m", "margin_m"), [(100.0, 0.02), (1000.0, 0.15)])
@given(
    longitude=st.one_of(st.floats(-180, 180), st.sampled_from([-179.9999, 179.9999, 0.0])),
    latitude=st.floats(-80, 80),
    within_m=st.integers(SMALLEST_WITHIN_M, LARGEST_WITHIN_M),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_they_agree_but_for_a_thousandth_of_the_distance(
    connection, *, size_m, margin_m, longitude, latitude, within_m, seed
):
    random = np.random.default_rng(seed)
    # No zone crosses the antimeridian; its ring does.
    width = 1.5 * size_m / METRES_PER_DEGREE / np.cos(np.radians(latitude))
    longitude = float(np.clip(longitude, -180 + width, 180 - width))
    zone = zone_about(longitude, latitude, size_m, random)
    if zone.geom_type != "Polygon":
        return
    points = points_about(zone, within_m, random)
    told = within(zone, within_m, points)
    found = within_by_postgis(connection, zone, within_m, points)
    off = [
        (distance_m, mine)
        for mine, (theirs, distance_m) in zip(told, found, strict=True)
        if mine != theirs and abs(distance_m - within_m) > 1e-3 * within_m + margin_m
    ]
    assert off == []


def test_points_on_either_side_are_among_those_compared(connection):
    """Or the agreement above would say nothing."""
    random = np.random.default_rng(3)
    zone = zone_about(4.9, 52.37, 100.0, random)
    told = within(zone, 500, points_about(zone, 500, random))
    assert 0.2 < np.mean(told) < 0.8
