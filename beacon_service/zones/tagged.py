"""How far it is to the nearest zone of a tag.

Sites are asked for the tags that some campaign weighs by distance; what was asked for once is kept drawn on a plane,
so that a hundred zones are measured at once. A value like all of the catalogue: an edit of zones makes a new one.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point
from shapely.geometry.base import BaseGeometry

from beacon_service.zones.model import FloorId, SiteId, Zone
from beacon_service.zones.plane import Plane


class Spot(NamedTuple):
    """Where somebody is: a point (longitude, latitude), or no better known than a zone."""

    place: tuple[float, float] | BaseGeometry
    floor: FloorId | None  # None: outdoors, or unknown; then every floor is as near


class _Drawn(NamedTuple):
    plane: Plane
    shapes: NDArray[np.object_]
    floors: tuple[FloorId | None, ...]


class Tagged:
    """Zones by their tags, without the sensitive ones."""

    def __init__(self, zones: Iterable[Zone] = ()) -> None:
        self._zones = zones
        self._drawn: dict[tuple[SiteId, str], _Drawn | None] = {}

    def metres(self, site: SiteId, tag: str, spot: Spot) -> float | None:
        """To the nearest zone of the site that carries the tag, 0 within it; None where there is none on the floor."""
        if (site, tag) not in self._drawn:
            self._drawn[site, tag] = _draw(self._by_tag.get((site, tag), []))
        found = self._drawn[site, tag]
        if found is None:
            return None
        reachable = [spot.floor is None or floor is None or floor == spot.floor for floor in found.floors]
        if not any(reachable):
            return None
        shape = Point(spot.place) if isinstance(spot.place, tuple) else spot.place
        return float(shapely.distance(found.plane.drawn(shape), found.shapes[reachable]).min())

    @cached_property
    def _by_tag(self) -> dict[tuple[SiteId, str], list[Zone]]:
        known: dict[tuple[SiteId, str], list[Zone]] = {}
        for zone in self._zones:
            for tag in () if zone.sensitive else zone.tags:
                known.setdefault((zone.site, tag), []).append(zone)
        return known


def _draw(zones: list[Zone]) -> _Drawn | None:
    if not zones:
        return None
    middle = zones[0].geometry.centroid
    plane = Plane.at(middle.x, middle.y)
    shapes = np.array([plane.drawn(zone.geometry) for zone in zones], dtype=object)
    return _Drawn(plane, shapes, tuple(zone.floor for zone in zones))
