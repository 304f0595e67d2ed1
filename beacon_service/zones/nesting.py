"""How deep a zone lies in others: of the zones that someone is inside, the deepest says it most precisely."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.model import Zone


def depths(zones: Sequence[Zone]) -> list[int]:
    """For each zone, how many others of its site contain it.

    A zone may lie in zones of its own floor and in those without a floor. It lies in another that covers it
    and has the larger area; of two that cover each other, in the one with the smaller key.
    """
    if not zones:
        return []
    geometries = np.array([zone.geometry for zone in zones], dtype=object)
    inner, outer = _candidates(zones, geometries)
    shapely.prepare(geometries[np.unique(outer)])
    covered = shapely.covers(geometries[outer], geometries[inner])
    return [int(depth) for depth in np.bincount(inner[covered], minlength=len(zones))]


def _candidates(
    zones: Sequence[Zone], geometries: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs (inner, outer) that everything but the shapes themselves allows."""
    inner, outer = shapely.STRtree(geometries).query(geometries)
    west, south, east, north = shapely.bounds(geometries).T
    possible = (
        (west[outer] <= west[inner])
        & (south[outer] <= south[inner])
        & (east[outer] >= east[inner])
        & (north[outer] >= north[inner])
    )
    inner, outer = inner[possible], outer[possible]
    allowed = [_may_contain(zones[b], zones[a]) for a, b in zip(inner, outer, strict=True)]
    return inner[allowed], outer[allowed]


def _may_contain(outer: Zone, inner: Zone) -> bool:
    if outer.key == inner.key or outer.site != inner.site or outer.floor not in {None, inner.floor}:
        return False
    return (-outer.area_m2, outer.key) < (-inner.area_m2, inner.key)
