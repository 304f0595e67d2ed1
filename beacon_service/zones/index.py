"""Which zones cover a point: PostGIS's `ST_Covers`, answered in memory and for many points at once.

Points are looked at in the order of where they are: neighbours ask for zones that are then still in the processor's
cache, which makes a large question three times as fast. What leaves here is in the order of the question.
"""

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.cells import Cells, morton
from beacon_service.zones.model import Zone

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]

# The points of one go and all that is made of them fit a processor's cache.
AT_ONCE = 65_536

_NONE = np.empty(0, np.intp)


class ZoneIndex:
    """Answers which zones cover which points, for many points at once."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self.zones: tuple[Zone, ...] = tuple(sorted(zones, key=lambda zone: zone.key))
        self._geometries = np.array([zone.geometry for zone in self.zones], dtype=object)
        self._cells = Cells(shapely.bounds(self._geometries))
        self._tree = shapely.STRtree(self._geometries)
        shapely.prepare(self._geometries)
        # GEOS builds what it prepares at the first question, which two threads must not ask at once.
        inside = shapely.point_on_surface(self._geometries)
        shapely.intersects(self._geometries, inside)
        self._tree.query(inside[:1])

    def covering(self, points: NDArray[np.float64]) -> Pairs:
        """Pairs (index of a point, index of a zone that covers it), by point and then by zone.

        `points` has the shape (n, 2): longitude and latitude. A point on a boundary is covered, one in a hole
        is not.
        """
        found = [self._covering(points[begin : begin + AT_ONCE]) for begin in range(0, len(points), AT_ONCE)]
        point = [place + number * AT_ONCE for number, (place, _) in enumerate(found)]
        zone = [zone for _, zone in found]
        return np.concatenate([_NONE, *point]), np.concatenate([_NONE, *zone])

    def _covering(self, points: NDArray[np.float64]) -> Pairs:
        numbers = morton(points)
        order = np.argsort(numbers)
        x, y = points[order].T.copy()
        place, zone = self._cells.holding(x, y, numbers[order])
        covers = shapely.intersects_xy(self._geometries[zone], x[place], y[place])
        # One number for a pair: sorting those is a quarter of the work of sorting by two keys.
        pairs = order[place[covers]] * len(self.zones) + zone[covers]
        pairs.sort()
        return np.divmod(pairs, max(1, len(self.zones)))

    def shares(
        self, groups: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Triples (index of a group, index of a zone, how many of the group's points the zone covers, at least 1).

        `groups` has the shape (n, k, 2): n groups of k points close together. Only where a group's bounding box
        is not covered as a whole are its points looked at one by one.
        """
        size = groups.shape[1]
        boxes = shapely.box(*groups.min(axis=1).T, *groups.max(axis=1).T)
        group, zone = self._tree.query(boxes)
        counts = np.where(shapely.covers(self._geometries[zone], boxes[group]), size, 0)
        parted = np.flatnonzero(counts == 0)
        if parted.size:
            points = groups[group[parted]].reshape(-1, 2)
            geometries = self._geometries[zone[parted]].repeat(size)
            covered = shapely.intersects_xy(geometries, points[:, 0], points[:, 1])
            counts[parted] = covered.reshape(-1, size).sum(axis=1)
        some = counts > 0
        return group[some], zone[some], counts[some]
