"""A surveyed site in the catalogue: its radio map, and which zones each cell of that lies in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.zones.index import ZoneIndex
from beacon_service.zones.model import Sighting, SiteId, Zone
from beacon_service.zones.radio_map import RadioMap

# A cell is cut into nine: then a zone's share of it is known to a ninth, two square metres.
PARTS = 3


@dataclass(frozen=True, eq=False)
class Surveyed:
    """`number` is the radio map's, in the order in which the site's were learned.

    `zones` are the keys of those that hold anything of the map. For each cell (column of the map) two rows say
    which of them it lies in and with which share of it, filled up with shares of nothing.
    """

    site: SiteId
    number: int
    radio_map: RadioMap = field(repr=False)
    bounds: tuple[float, float, float, float]  # of its cells' points: west, south, east, north
    zones: tuple[str, ...] = field(repr=False)
    zones_of_cells: NDArray[np.intp] = field(repr=False)
    shares_of_cells: NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, site: SiteId, number: int, radio_map: RadioMap, index: ZoneIndex) -> "Surveyed":
        """`index` is over all zones: a geofence may be any site's, a zone on a floor must be on this one's."""
        lattice = radio_map.lattice
        floor, x, y = lattice.centres(radio_map.cells.astype(np.intp))
        steps = ((np.arange(PARTS) + 0.5) / PARTS - 0.5) * lattice.step_m
        east, north = (axis.ravel() for axis in np.meshgrid(steps, steps))
        points = np.stack(lattice.degrees(x[:, None] + east, y[:, None] + north), axis=2)
        if index.zones:
            column, zone, count = index.shares(points)
        else:
            column, zone, count = (np.zeros(0, np.intp) for _ in range(3))
        met, place = np.unique(zone, return_inverse=True)
        zones = [index.zones[one] for one in met.tolist()]
        levels = {name: number for number, name in enumerate(lattice.floors)}
        level = np.array([levels.get(one.floor or "", -1) for one in zones], np.intp)
        outdoors = np.array([one.floor is None for one in zones], bool)
        holds = outdoors | np.array([one.site == site for one in zones], bool)
        kept = holds[place] & (outdoors[place] | (level[place] == floor[column]))
        column, zone, count = column[kept], zone[kept], count[kept]
        found, place = np.unique(zone, return_inverse=True)
        order = np.argsort(column, kind="stable")
        column, place, count = column[order], place[order], count[order]
        nth = np.arange(len(column)) - np.searchsorted(column, column)
        most = int(nth.max()) + 1 if len(nth) else 1
        zones_of_cells = np.zeros((len(radio_map.cells), most), np.intp)
        shares_of_cells = np.zeros((len(radio_map.cells), most), np.float32)
        zones_of_cells[column, nth] = place
        shares_of_cells[column, nth] = count / PARTS**2
        names = tuple(str(index.zones[one].key) for one in found.tolist())
        bounds = _bounds(points.reshape(-1, 2))
        return cls(site, number, radio_map, bounds, names, zones_of_cells, shares_of_cells)

    def is_moved_by(self, before: Zone | None, after: Zone | None) -> bool:
        """Whether cells may lie in other zones, or with another share, now that this zone is as it is after."""
        grounds = {(id(one.geometry), one.floor) for one in (before, after) if one is not None}
        came_or_went = before is None or after is None
        if len(grounds) < 2 and not came_or_went:
            return False
        return any(one is not None and self._is_met_by(one) for one in (before, after))

    def _is_met_by(self, zone: Zone) -> bool:
        if zone.floor is not None and zone.site != self.site:
            return False
        west, south, east, north = shapely.bounds(zone.geometry).tolist()
        from_west, from_south, to_east, to_north = self.bounds
        return bool(west <= to_east and from_west <= east and south <= to_north and from_south <= north)


def _bounds(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    if not len(points):
        return 0.0, 0.0, 0.0, 0.0
    (west, south), (east, north) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return west, south, east, north


@dataclass(frozen=True)
class Surveys:
    """All surveyed sites; `heard_at` names the sites at which a transmitter was heard, by each of its texts."""

    sites: Mapping[SiteId, Surveyed] = field(default_factory=dict)
    heard_at: Mapping[str, tuple[SiteId, ...]] = field(repr=False, default_factory=dict)

    @classmethod
    def of(cls, sites: Iterable[Surveyed]) -> "Surveys":
        heard_at: dict[str, list[SiteId]] = defaultdict(list)
        known = {one.site: one for one in sites}
        for site, one in sorted(known.items()):
            for text in one.radio_map.aliases:
                heard_at[text].append(site)
        return cls(known, {text: tuple(found) for text, found in heard_at.items()})

    def site_of(self, sightings: Iterable[Sighting]) -> Surveyed | None:
        """The surveyed site that knows most of what was heard; by id where two know as much."""
        votes: dict[SiteId, int] = defaultdict(int)
        for one in sightings:
            for text in (one.mac, one.identity):
                if text is not None and (sites := self.heard_at.get(text)):
                    for site in sites:
                        votes[site] += 1
                    break
        if not votes:
            return None
        return self.sites[min(votes, key=lambda site: (-votes[site], site))]
