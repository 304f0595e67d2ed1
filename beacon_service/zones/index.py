"""Which zones cover a point: PostGIS's `ST_Covers`, answered in memory and for many points at once.

Points are looked at in the order of where they are: neighbours ask for zones that are then still in the processor's
cache, which makes a large question three times as fast. What leaves here is in the order of the question.
"""

from collections.abc import Iterable
from operator import attrgetter, is_
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from beacon_service.zones.cells import Cells, morton
from beacon_service.zones.model import Zone
from beacon_service.zones.prepared import covers, prepare

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]

# The points of one go and all that is made of them fit a processor's cache.
AT_ONCE = 65_536

_NONE = np.empty(0, np.intp)


class _Ground(NamedTuple):
    """The zones' shapes, in the order of the zones, and what finds those about a place."""

    shapes: list[BaseGeometry]
    geometries: NDArray[np.object_]
    cells: Cells
    tree: shapely.STRtree

    @classmethod
    def of(cls, shapes: list[BaseGeometry], before: "_Ground | None") -> "_Ground":
        known = before.shapes if before is not None else []
        if before is not None and len(shapes) == len(known) and all(map(is_, shapes, known)):
            return before  # an edit of a name or a tag
        geometries = np.array(shapes, dtype=object)
        tree = shapely.STRtree(geometries)
        tree.query(
            geometries[:1]
        )  # GEOS builds it at the first question, which two threads must not ask at once
        prepared = {id(shape) for shape in known}
        prepare(np.array([shape for shape in shapes if id(shape) not in prepared], dtype=object))
        return cls(shapes, geometries, Cells(shapely.bounds(geometries)), tree)


class ZoneIndex:
    """Answers which zones cover which points, for many points at once."""

    def __init__(self, zones: Iterable[Zone], before: "ZoneIndex | None" = None) -> None:
        """`before`: the index that this one follows; what is prepared of a shape is kept with the shape."""
        self.zones: tuple[Zone, ...] = tuple(sorted(zones, key=attrgetter("key")))
        shapes = [zone.geometry for zone in self.zones]
        self.ground: _Ground = _Ground.of(shapes, before.ground if before is not None else None)
        self._geometries, self._cells, self._tree = self.ground[1:]

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
        counts = np.where(covers(self._geometries[zone], boxes[group]), size, 0)
        parted = np.flatnonzero(counts == 0)
        if parted.size:
            points = groups[group[parted]].reshape(-1, 2)
            geometries = self._geometries[zone[parted]].repeat(size)
            covered = shapely.intersects_xy(geometries, points[:, 0], points[:, 1])
            counts[parted] = covered.reshape(-1, size).sum(axis=1)
        some = counts > 0
        return group[some], zone[some], counts[some]
