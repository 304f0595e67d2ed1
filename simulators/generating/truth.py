"""In which zone somebody really is: the deepest that covers the place, as the service has it of zones that nest."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from simulators.generating.sites.place import Place, Zone
from simulators.generating.walking.way import Way

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Trail:
    """Second by second: where in degrees, on which storey (-1: street), in which of the index's zones (-1: none)."""

    degrees: Floats
    storey: Ints
    zone: Ints


class ZoneIndex:
    """`names` of zones by number. Zones without a floor hold on each, and outside alone."""

    def __init__(self, place: Place) -> None:
        self._frame = place.frame
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._trees: dict[int, tuple[shapely.STRtree, Ints]] = {}
        for storey, zones in [(NOWHERE, ()), *((n, each.zones) for n, each in enumerate(place.storeys))]:
            self._add(storey, sorted((*zones, *place.geofences), key=lambda zone: (zone.drawn.area, zone.id)))

    def _add(self, storey: int, zones: list[Zone]) -> None:
        for zone in zones:
            if zone.id not in self._numbers:
                self._numbers[zone.id] = len(self.names)
                self.names.append(zone.id)
        numbers = [self._numbers[zone.id] for zone in zones]
        self._trees[storey] = (
            shapely.STRtree([zone.drawn for zone in zones]),
            np.array(numbers, dtype=np.int64),
        )

    def trail(self, way: Way, seconds: int) -> Trail:
        """At the end of each second of the way."""
        at_s = way.begins_s + 1 + np.arange(seconds, dtype=np.float64)
        degrees = self._frame.degrees(np.column_stack(way.spots(at_s)))
        leg = way.legs(at_s)
        storey = np.where(way.inside[leg], way.storey[leg], NOWHERE)
        zone = np.full(seconds, NOWHERE, dtype=np.int64)
        for number in np.unique(storey):
            here = np.flatnonzero(storey == number)
            zone[here] = self._deepest(int(number), degrees[here])
        return Trail(degrees, storey, zone)

    def _deepest(self, storey: int, degrees: Floats) -> Ints:
        """Zones stand in the tree smallest first."""
        tree, numbers = self._trees[storey]
        point, which = tree.query(shapely.points(degrees), predicate="intersects")
        first = np.full(len(degrees), len(numbers), dtype=np.int64)
        np.minimum.at(first, point, which)
        return np.asarray(np.append(numbers, NOWHERE)[first], dtype=np.int64)
