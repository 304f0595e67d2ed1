"""How deep a zone lies in others: of the zones that someone is inside, the deepest says it most precisely.

Two things say that a zone lies in another: their shapes, and a declared parent. Both together make one order: a zone
lies in what its parent lies in, and whatever is drawn within a zone lies in that zone's parent too.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.model import Zone, ZoneKey
from beacon_service.zones.parents import loops
from beacon_service.zones.prepared import covers

Indices = NDArray[np.intp]


def depths(zones: Sequence[Zone]) -> list[int]:
    """For each zone, how many others of its site it lies in.

    A zone may lie in zones of its own floor and in those without a floor. By its shape it lies in another that covers
    it and has the larger area; of two that cover each other, in the one with the smaller key. A declared parent counts
    as at least as large as all that is declared to lie in it.
    """
    if not zones:
        return []
    inner, outer = _covered(zones)
    parents = _parents(zones)
    if not parents:
        return [int(depth) for depth in np.bincount(inner, minlength=len(zones))]
    return _joined(zones, zip(inner.tolist(), outer.tolist(), strict=True), parents)


def _covered(zones: Sequence[Zone]) -> tuple[Indices, Indices]:
    """Pairs (inner, outer) as the shapes have it."""
    geometries = np.array([zone.geometry for zone in zones], dtype=object)
    inner, outer = _candidates(zones, geometries)
    shapely.prepare(geometries[np.unique(outer)])
    covered = covers(geometries[outer], geometries[inner])
    return inner[covered], outer[covered]


def _candidates(zones: Sequence[Zone], geometries: NDArray[np.object_]) -> tuple[Indices, Indices]:
    """Pairs (inner, outer) that everything but the shapes themselves allows."""
    inner, outer = shapely.STRtree(geometries).query(geometries)
    west, south, east, north = shapely.bounds(geometries).T
    site, floor = _numbered([zone.site for zone in zones]), _numbered([zone.floor for zone in zones])
    outdoors = np.array([zone.floor is None for zone in zones])
    # The larger is the outer one, of two as large the one with the smaller key.
    sizes = np.array([-zone.area_m2 for zone in zones])
    keys = [zone.key for zone in zones]
    by_key = np.array(sorted(range(len(zones)), key=keys.__getitem__), np.intp)
    rank = np.empty(len(zones), np.intp)
    rank[by_key[np.argsort(sizes[by_key], kind="stable")]] = np.arange(len(zones))
    possible = (
        (rank[outer] < rank[inner])
        & (west[outer] <= west[inner])
        & (south[outer] <= south[inner])
        & (east[outer] >= east[inner])
        & (north[outer] >= north[inner])
        & (site[outer] == site[inner])
        & (outdoors[outer] | (floor[outer] == floor[inner]))
    )
    return inner[possible], outer[possible]


def _numbered(names: Sequence[str | None]) -> Indices:
    """The same number for the same name."""
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(names)}
    return np.array([numbers[name] for name in names], np.intp)


def _parents(zones: Sequence[Zone]) -> dict[int, int]:
    """The declared parents that there are. Edits allow no circle; one that the log holds none the less is ignored."""
    places: dict[ZoneKey, int] = {zone.key: place for place, zone in enumerate(zones)}
    declared = {
        place: places[zone.parent]
        for place, zone in enumerate(zones)
        if zone.parent is not None and zone.parent in places
    }
    circular = loops(declared)
    return {place: parent for place, parent in declared.items() if place not in circular}


def _joined(
    zones: Sequence[Zone], covered: Iterable[tuple[int, int]], parents: Mapping[int, int]
) -> list[int]:
    """How many zones each lies in, by shape and by declaration: only along `_order`, so that there are no circles."""
    order = _order(zones, parents)
    rank = {place: number for number, place in enumerate(order)}
    outers: list[set[int]] = [set() for _ in zones]
    for inner, outer in covered:
        if rank[outer] < rank[inner]:
            outers[inner].add(outer)
    for place, parent in parents.items():
        outers[place].add(parent)
    for place in order:  # from the outside in: those further out are known in full
        outers[place].update(*[outers[outer] for outer in outers[place]])
    return [len(found) for found in outers]


def _order(zones: Sequence[Zone], parents: Mapping[int, int]) -> list[int]:
    """The zones from the largest to the smallest, a parent before its children though they be drawn larger."""
    sizes = [zone.area_m2 for zone in zones]
    generations = [0] * len(zones)
    for place in parents:
        at = place
        while at in parents:
            at = parents[at]
            generations[place] += 1
            sizes[at] = max(sizes[at], zones[place].area_m2)
    return sorted(range(len(zones)), key=lambda place: (-sizes[place], generations[place], zones[place].key))
