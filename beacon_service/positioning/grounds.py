"""The ground of rings: each zone drawn on the plane that touches the earth at its middle, where distances are metres.

All are columns of arrays, by the ring's place, so that ten thousand are drawn at once, and an edit of one zone takes
over the rows of the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.model import Zone
from beacon_service.zones.plane import drawn_apart

Floats = NDArray[np.float64]


class Grounds(NamedTuple):
    """What is measured of the zone that each ring is around."""

    bounds: Floats  # (n, 4), in degrees
    origins: Floats  # (n, 3), of the planes
    axes: Floats  # (n, 2, 3)
    shapes: NDArray[np.object_]  # as they lie on their planes
    radii_m: Floats  # of circles as large
    halves_m: Floats  # from the middle to the furthest corner, or a little more

    @classmethod
    def of(cls, zones: Sequence[Zone]) -> "Grounds":
        geometries = np.array([zone.geometry for zone in zones], dtype=object)
        origins, axes, shapes = drawn_apart(geometries)
        _build(shapes)
        west, south, east, north = shapely.bounds(shapes).T
        halves_m = np.hypot(np.maximum(-west, east), np.maximum(-south, north))
        radii_m = np.sqrt(np.array([zone.area_m2 for zone in zones]) / np.pi)
        return cls(shapely.bounds(geometries), origins, axes, shapes, radii_m, halves_m)

    def with_new(self, places: Sequence[int], zones: Sequence[Zone]) -> "Grounds":
        """The rows at these places, in their order; where a place is negative, that of the next of the zones."""
        new = Grounds.of(zones)
        taken = np.array(places, np.intp)
        taken[taken < 0] = len(self.shapes) + np.arange(len(zones))
        return Grounds._make(np.concatenate(pair)[taken] for pair in zip(self, new, strict=True))


def _build(shapes: NDArray[np.object_]) -> None:
    """All that GEOS makes of prepared shapes when they are asked, made now: two threads that make it at once crash.

    What finds out whether a point is inside is made at the second question, what measures the distance at the first
    about a point that is outside.
    """
    shapely.prepare(shapes)
    west, south, east, north = shapely.bounds(shapes).T
    inside, outside = shapely.point_on_surface(shapes), shapely.points(east + 1.0, north + 1.0)
    far_m = np.hypot(east - west, north - south) + 2.0
    for points in (inside, inside, outside):
        shapely.dwithin(shapes, points, far_m)
