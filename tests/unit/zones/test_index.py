"""The directory of cells only makes it fast: what it leaves out must lie outside, and large questions answer as small ones."""

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from beacon_service.zones import index
from beacon_service.zones.cells import Cells, morton
from beacon_service.zones.index import ZoneIndex
from beacon_service.zones.model import SiteId, Zone, zone_key
from tests.factories.catalogue import places, zone_document

# From the size of a table to half the earth, with whole numbers, where the borders of cells are met.
longitudes = st.floats(-180, 180) | st.integers(-180, 180).map(float)
latitudes = st.floats(-90, 90) | st.integers(-90, 90).map(float)
extents = st.sampled_from([0.0, 1e-6, 1e-4, 0.01, 1.0, 45.0, 180.0])
boxes = st.tuples(longitudes, latitudes, extents, extents).map(
    lambda box: (box[0], box[1], min(180.0, box[0] + box[2]), min(90.0, box[1] + box[3]))
)


@given(
    given_boxes=st.lists(boxes, max_size=12), anywhere=st.lists(st.tuples(longitudes, latitudes), max_size=8)
)
def test_the_directory_finds_every_box_that_holds_a_point(given_boxes, anywhere):
    bounds = np.array(given_boxes).reshape(-1, 4)
    corners = [
        (x, y) for west, south, east, north in given_boxes for x in (west, east) for y in (south, north)
    ]
    points = np.array([*corners, *anywhere]).reshape(-1, 2)
    points = points[np.argsort(morton(points))]

    found = Cells(bounds).holding(*points.T, morton(points))

    west, south, east, north = bounds.T[:, None, :]
    x, y = points.T[:, :, None]
    holds = (west <= x) & (x <= east) & (south <= y) & (y <= north)
    pairs = sorted(map(list, zip(*(one.tolist() for one in found), strict=True)))
    assert pairs == np.argwhere(holds).tolist()


def mixed_zones():
    """Shapes of all sizes about a town, many on top of each other."""
    random = np.random.default_rng(3)
    for number in range(300):
        middle = random.uniform((4.85, 52.34), (4.95, 52.40))
        radius = 10.0 ** random.uniform(-5, -1.5)
        shape = shapely.Point(middle).buffer(radius, quad_segs=int(random.integers(1, 9)))
        if number % 3 == 0:
            shape = shape.difference(shapely.Point(middle).buffer(radius / 3))
        yield Zone(zone_key("shop", f"z{number:03}"), SiteId("shop"), None, "z", shape)


def test_a_large_question_is_answered_as_one_by_one(monkeypatch):
    monkeypatch.setattr(index, "AT_ONCE", 700)
    asked = ZoneIndex(mixed_zones())
    points = np.random.default_rng(4).uniform((4.84, 52.33), (4.96, 52.41), size=(2000, 2))

    point, zone = asked.covering(points)

    expected = np.argwhere(
        shapely.intersects_xy(
            np.array([one.geometry for one in asked.zones])[None, :], points[:, :1], points[:, 1:]
        )
    )
    assert np.array_equal(np.stack([point, zone], axis=1), expected)
    assert len(expected) > 5000


def test_what_is_no_place_is_covered_by_nothing():
    world = {
        "type": "Polygon",
        "coordinates": [[[-180, -85], [180, -85], [180, 85], [-180, 85], [-180, -85]]],
    }
    everywhere = places(zones=[zone_document("world", geometry=world)]).index
    nowhere = np.array(
        [(np.nan, 1.0), (1.0, np.nan), (np.inf, 0.0), (0.0, -np.inf), (500.0, 0.0), (4.9, 52.37)]
    )

    point, _ = everywhere.covering(nowhere)

    assert point.tolist() == [5]


def test_no_points_are_covered_by_nothing():
    point, zone = places(zones=[zone_document()]).index.covering(np.empty((0, 2)))

    assert (len(point), len(zone)) == (0, 0)
