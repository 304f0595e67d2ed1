"""The index in memory and the database must never disagree on who is inside what.

Both say the same of every point, with one exception that is measured here. PostGIS decides on which side of an
edge a point lies in plain doubles; GEOS, which the index uses, does it exactly. So they can differ for a
point that is closer to a slanted edge than some 1e-15 of the zone's size: a picometre for a zone of a kilometre,
a hundred million times less than a phone knows. There the index is right, which exact fractions confirm.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from beacon_service.zones.index import ZoneIndex
from tests.factories.catalogue import places, zone_document

CELLS = 4
# A power of two, and an origin with few digits: every coordinate of the lattice is exact in a double.
LATTICE_STEP = 2.0**-12
ORIGIN = np.array([4.875, 52.375])
# Unit roundoff of doubles; eight of them bound the error of PostGIS's three roundings in a cross product.
ROUNDOFF = 8 * 2.0**-53


@pytest.fixture(scope="module")
def connection(test_cluster, worker_database):
    with test_cluster.connect(database=worker_database) as opened:
        yield opened


def index_of(geometries):
    zones = [
        zone_document(f"z{number:03}", geometry=shapely.geometry.mapping(geometry))
        for number, geometry in enumerate(geometries)
    ]
    return places(zones=zones).index


def pairs_of_index(index, points):
    return set(zip(*(found.tolist() for found in index.covering(points)), strict=True))


def pairs_of_postgis(connection, geometries, points):
    rows = connection.execute(
        """
        SELECT point.number - 1, zone.number - 1
        FROM unnest(%s::bytea[]) WITH ORDINALITY AS zone (shape, number)
        JOIN unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS point (x, y, number)
          ON ST_Covers(ST_GeomFromWKB(zone.shape, 4326), ST_SetSRID(ST_MakePoint(point.x, point.y), 4326))
        """,
        [[geometry.wkb for geometry in geometries], points[:, 0].tolist(), points[:, 1].tolist()],
    )
    return set(rows.fetchall())


def triangles():
    """The lattice's cells, each cut along its diagonal."""
    for column in range(CELLS):
        for row in range(CELLS):
            low, high = ORIGIN + LATTICE_STEP * np.array([[column, row], [column + 1, row + 1]])
            right, left = (high[0], low[1]), (low[0], high[1])
            yield shapely.Polygon([low, right, high])
            yield shapely.Polygon([low, high, left])


@given(owners=st.lists(st.integers(0, 3), min_size=2 * CELLS**2, max_size=2 * CELLS**2))
@settings(max_examples=40, deadline=None)
def test_it_agrees_on_interiors_edges_vertices_holes_and_shared_edges(connection, owners):
    """Zones are unions of triangles: with holes, in several parts, with edges in common."""
    pieces = list(triangles())
    zones = [
        shapely.union_all([piece for piece, owner in zip(pieces, owners, strict=True) if owner == number])
        for number in sorted(set(owners))
    ]
    half_steps = np.arange(-1, 2 * CELLS + 2) / 2
    points = ORIGIN + LATTICE_STEP * np.stack(np.meshgrid(half_steps, half_steps), axis=-1).reshape(-1, 2)

    assert pairs_of_index(index_of(zones), points) == pairs_of_postgis(connection, zones, points)


@pytest.mark.parametrize(
    ("centre", "size"),
    [((120.07, 30.29), 1e-3), ((4.9, 52.37), 1e-4), ((0.0, 51.5), 1e-3), ((0.0, 0.0), 1e-3), ((10, 50), 1.0)],
)
def test_it_agrees_on_any_doubles_but_for_a_picometre_beside_a_slanted_edge(connection, centre, size):
    random = np.random.default_rng(7)
    zones = [star for _ in range(15) if (star := star_with_a_hole(random, centre, size)).is_valid]
    points = np.vstack([points_about(random, zone) for zone in zones])
    # Through the text of the log and back: it must not cost the last bit of a coordinate.
    found = pairs_of_index(index_of(zones), points)

    for point, zone in found ^ pairs_of_postgis(connection, zones, points):
        assert min(exact_distances(zones[zone], *points[point])) <= ROUNDOFF * 2 * size
        assert ((point, zone) in found) == covers_exactly(zones[zone], *points[point])


def test_it_agrees_on_a_million_points_anywhere(connection):
    """A town of overlapping zones of all sizes: circles, stars with holes, shapes in two parts."""
    random = np.random.default_rng(11)
    zones = list(a_town(random))
    points = random.uniform((4.89, 52.36), (4.93, 52.39), size=(1_000_000, 2))
    connection.execute(_TOWN, [[zone.wkb for zone in zones]])
    connection.execute("CREATE TEMP TABLE points (number int8, point geometry)")
    with connection.cursor().copy("COPY points FROM STDIN (FORMAT binary)") as copy:
        copy.write(copied(points))
    # The index on points lets PostGIS look at one zone with all its points, 17 times faster than the reverse.
    connection.execute("CREATE INDEX ON points USING gist (point)")
    connection.execute("ANALYZE points")

    (there,) = connection.execute(_NUMBERED_PAIRS).fetchone()
    point, zone = index_of(zones).covering(points)

    assert np.array_equal(point * 1000 + zone, np.sort(there))
    assert len(there) > 1_000_000


_TOWN = """
CREATE TEMP TABLE town AS
SELECT number - 1 AS number, ST_GeomFromWKB(shape, 4326) AS shape
FROM unnest(%s::bytea[]) WITH ORDINALITY AS zone (shape, number)
"""
_NUMBERED_PAIRS = """
SELECT array_agg(points.number * 1000 + town.number) FROM town JOIN points ON ST_Covers(town.shape, points.point)
"""


def copied(points):
    """Rows (number, point) as PostgreSQL copies them in binary; a point in EWKB has a flag in its type and an SRID."""
    fields = [("columns", ">i2"), ("size", ">i4"), ("number", ">i8"), ("length", ">i4")]
    fields += [("order", "u1"), ("type", "<u4"), ("srid", "<i4"), ("place", "<f8", 2)]
    rows = np.zeros(len(points), dtype=fields)
    rows["columns"], rows["size"], rows["length"] = 2, 8, 25
    rows["number"], rows["place"] = np.arange(len(points)), points
    rows["order"], rows["type"], rows["srid"] = 1, 0x20000001, 4326
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def a_town(random):
    for number in range(400):
        middle = random.uniform((4.89, 52.36), (4.93, 52.39))
        size = 10.0 ** random.uniform(-4.5, -2.3)
        if number % 3 == 0:
            yield shapely.Point(middle).buffer(size, quad_segs=16)
        elif number % 3 == 1:
            star = star_with_a_hole(random, middle, size)
            yield star if star.is_valid else star.envelope
        else:
            yield shapely.MultiPolygon(
                [
                    shapely.box(*middle, *(middle + size)),
                    shapely.box(*(middle + 1.5 * size), *(middle + 2 * size)),
                ]
            )


def star_with_a_hole(random, centre, size):
    angles = np.sort(random.random(random.integers(4, 12))) * 2 * np.pi
    ring = size * (0.4 + 0.6 * random.random((len(angles), 1))) * np.c_[np.cos(angles), np.sin(angles)]
    middle = np.asarray(centre) + size * random.random(2)
    return shapely.Polygon(middle + ring, [middle + ring * 0.3])


def points_about(random, zone):
    """Vertices, points that doubles allow to come closest to the edges, and points anywhere around."""
    found = [random.uniform(zone.bounds[:2], zone.bounds[2:], size=(50, 2))]
    for ring in (zone.exterior, *zone.interiors):
        corners = shapely.get_coordinates(ring)
        along = random.random((10, 1, 1))
        beside = (corners[:-1] + along * np.diff(corners, axis=0)).reshape(-1, 2)
        found += [corners, (corners[:-1] + corners[1:]) / 2, beside, np.nextafter(beside, 200)]
    return np.vstack(found)


def edges(zone):
    for ring in (zone.exterior, *zone.interiors):
        exact = [tuple(map(Fraction, corner)) for corner in ring.coords]
        yield from pairwise(exact)


def exact_distances(zone, x, y):
    """Distance from the line of each edge, by exact fractions up to the last division."""
    for (ax, ay), (bx, by) in edges(zone):
        cross = (bx - ax) * (Fraction(y) - ay) - (Fraction(x) - ax) * (by - ay)
        yield abs(float(cross)) / np.hypot(float(bx - ax), float(by - ay))


def covers_exactly(zone, x, y):
    """Even-odd rule in exact fractions, boundary included."""
    x, y, inside = Fraction(x), Fraction(y), False
    for (ax, ay), (bx, by) in edges(zone):
        side = (bx - ax) * (y - ay) - (x - ax) * (by - ay)
        on_edge = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
        if side == 0 and on_edge:
            return True
        if (ay <= y < by and side > 0) or (by <= y < ay and side < 0):
            inside = not inside
    return inside


def test_an_empty_index_covers_nothing():
    points, zones = ZoneIndex(()).covering(np.array([[4.9, 52.37]]))

    assert points.tolist() == zones.tolist() == []
