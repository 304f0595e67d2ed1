"""How far it is to the nearest zone of a tag.

Sites are asked for the tags that some campaign weighs by distance; what was asked for once is kept drawn on a plane,
so that a hundred zones are measured at once. A value like all of the catalogue: an edit of zones makes a new one, which
takes over what the edit left alone, and draws what was asked for before anybody asks for it again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point
from shapely.geometry.base import BaseGeometry

from beacon_service.zones.model import FloorId, SiteId, Zone, ZoneKey
from beacon_service.zones.plane import Plane

_Name: TypeAlias = tuple[SiteId, str]


class Spot(NamedTuple):
    """Where somebody is: a point (longitude, latitude), or no better known than a zone."""

    place: tuple[float, float] | BaseGeometry
    floor: FloorId | None  # None: outdoors, or unknown; then every floor is as near


class _Drawn(NamedTuple):
    plane: Plane
    zones: tuple[Zone, ...]
    shapes: NDArray[np.object_]
    floors: tuple[FloorId | None, ...]


class Tagged:
    """Zones by their tags, without the sensitive ones."""

    def __init__(self, zones: Iterable[Zone] = ()) -> None:
        groups: dict[_Name, list[Zone]] = {}
        for zone in zones:
            for name in _names(zone):
                groups.setdefault(name, []).append(zone)
        self._by_tag = {name: _in_order(some) for name, some in groups.items()}
        self._drawn: dict[_Name, _Drawn | None] = {}

    def updated(
        self, before: Mapping[ZoneKey, Zone], after: Mapping[ZoneKey, Zone], keys: Collection[ZoneKey]
    ) -> "Tagged":
        """With the zones of these keys as they are after, instead of as they were before."""
        gone = [before[key] for key in keys if key in before]
        come = [after[key] for key in keys if key in after]
        coming: dict[_Name, list[Zone]] = {name: [] for zone in (*gone, *come) for name in _names(zone)}
        for zone in come:
            for name in _names(zone):
                coming[name].append(zone)
        made = Tagged()
        made._by_tag = dict(self._by_tag)
        made._drawn = self._drawn.copy()  # in one step: others may be asking
        for name, new in coming.items():
            staying = [zone for zone in self._by_tag.get(name, ()) if zone.key not in keys]
            made._by_tag[name] = _in_order([*staying, *new])
            if (drawn := made._drawn.pop(name, None)) is not None:
                made._drawn[name] = _draw(made._by_tag[name], drawn)
        return made

    def metres(self, site: SiteId, tag: str, spot: Spot) -> float | None:
        """To the nearest zone of the site that carries the tag, 0 within it; None where there is none on the floor."""
        if (site, tag) not in self._drawn:
            self._drawn[site, tag] = _draw(self._by_tag.get((site, tag), ()))
        found = self._drawn[site, tag]
        if found is None:
            return None
        reachable = [spot.floor is None or floor is None or floor == spot.floor for floor in found.floors]
        if not any(reachable):
            return None
        shape = Point(spot.place) if isinstance(spot.place, tuple) else spot.place
        return float(shapely.distance(found.plane.drawn(shape), found.shapes[reachable]).min())


def _names(zone: Zone) -> list[_Name]:
    return [] if zone.sensitive else [(zone.site, tag) for tag in zone.tags]


def _in_order(zones: Iterable[Zone]) -> tuple[Zone, ...]:
    """By key, so that the plane is the same whichever edits led to these zones."""
    return tuple(sorted(zones, key=attrgetter("key")))


def _draw(zones: Sequence[Zone], before: _Drawn | None = None) -> _Drawn | None:
    """On the plane about the first; shapes that lie on the same plane already are not drawn again."""
    if not zones:
        return None
    same_plane = before is not None and before.zones[0].geometry is zones[0].geometry
    kept = _shapes(before) if before is not None and same_plane else {}
    plane = before.plane if before is not None and same_plane else _plane(zones[0])
    shapes = [kept.get(id(zone.geometry)) or plane.drawn(zone.geometry) for zone in zones]
    return _Drawn(plane, tuple(zones), np.array(shapes, dtype=object), tuple(zone.floor for zone in zones))


def _plane(zone: Zone) -> Plane:
    middle = zone.geometry.centroid
    return Plane.at(middle.x, middle.y)


def _shapes(drawn: _Drawn) -> dict[int, BaseGeometry]:
    """By the identity of what they were drawn of, which lives for as long as they do."""
    return {id(zone.geometry): shape for zone, shape in zip(drawn.zones, drawn.shapes.tolist(), strict=True)}
