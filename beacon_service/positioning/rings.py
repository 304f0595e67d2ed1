"""Rings: the ground within some metres of a zone, for campaigns that want to know who comes near.

A ring is nothing that is kept. It is made in memory of a published campaign's trigger and of its zone, and goes with
them. The zone is part of its ground: who is in the zone is near it, so that leaving it is no coming near.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple
from zlib import crc32

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.positioning.fix import UNKNOWN_FLOOR_SHARE
from beacon_service.positioning.grounds import Grounds
from beacon_service.positioning.locate import SPREAD
from beacon_service.zones.model import Located, SiteId, Zone, ZoneKey
from beacon_service.zones.plane import in_space

# Less is noise: outdoors a phone's fix errs by about so much.
SMALLEST_WITHIN_M = 10
# Further is no coming near but being in town.
LARGEST_WITHIN_M = 5000
# One is near within the distance, and no longer near only this much beyond it, or a tenth of the distance where that is
# more. A phone that lies at the edge with fixes off by 8 m would else come near again and again.
LEAVING_M, LEAVING_SHARE = 25.0, 0.1
# Two minutes away, where a zone asks for ten seconds: of a phone that reports once a minute no one stray fix ends it.
HOLD_S = 120
# How far the points of a fix lie from its middle, in its accuracy: the outermost ones, and a little for rounding.
SPREAD_REACH = 1.0001 * float(np.hypot(*SPREAD.T).max())
# A fix of four times a ring's half width has three of its 25 points in there at the most, which tells no more than
# none: no point is looked at. One of eight times that of the widest ring is no place, as far as nearness goes: it would
# be in doubt about every ring for miles, of which there may be thousands.
COARSE, NO_PLACE = 4.0, 8.0
# Ids have no tilde, so that no ring is called as any zone.
_MARK = "~"


def ring_key(zone: str, within_m: int) -> str:
    return f"{zone}{_MARK}{within_m}"


def zone_of_ring(key: str) -> tuple[ZoneKey, int]:
    """The zone that the ring is around, and its distance."""
    zone, _, within_m = key.rpartition(_MARK)
    return ZoneKey(zone), int(within_m)


@dataclass(frozen=True, slots=True)
class Ring:
    """`zone` is the one it is around, under the ring's own key and with its holds: what the table of presence asks."""

    key: str
    around: ZoneKey
    within_m: int
    zone: Zone
    drawn_of: Zone = field(repr=False)  # as the catalogue has it


class Near(NamedTuple):
    """How probably a fix is within a ring's distance (`share`), and within that at which one leaves it (`wider`).

    `vague`: the fix is wider than all of it and reaches it, so that a low share is the fix's fault.
    """

    ring: Ring
    share: float
    wider: float
    vague: bool


class _Spread:
    """Fixes with their doubt, each on the plane of one shape."""

    def __init__(
        self,
        middles: NDArray[np.float64],
        accuracies_m: NDArray[np.float64],
        shapes: NDArray[np.object_],
        halves_m: NDArray[np.float64],
    ) -> None:
        self.accuracies_m = accuracies_m
        self._fine = accuracies_m <= COARSE * halves_m
        self._middles, self._shapes = middles, shapes
        self._centres = shapely.points(middles)

    def reach(self, metres: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the middle of each fix is so near its shape."""
        found: NDArray[np.bool_] = (metres > 0) & shapely.dwithin(
            self._shapes, self._centres, np.maximum(metres, 0.0)
        )
        return found

    def within(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of each fix's points that are so near its shape.

        Most fixes are nearer, or further, than their doubt reaches: then all points are, and none is looked at.
        """
        reach_m = SPREAD_REACH * self.accuracies_m
        deep = self.reach(metres - reach_m)
        shares = deep.astype(np.float64)
        some = np.flatnonzero(~deep & self._fine & self.reach(metres + reach_m))
        if some.size:
            points = self._middles[some, None, :] + SPREAD * self.accuracies_m[some, None, None]
            near = shapely.dwithin(self._shapes[some, None], shapely.points(points), metres[some, None])
            shares[some] = near.mean(axis=1)
        return shares


class Rings:
    """All rings of one version of the configuration, found by where a fix is."""

    def __init__(
        self,
        wanted: Iterable[tuple[Zone, int]] = (),
        floors: Mapping[SiteId, int] | None = None,
        before: "Rings | None" = None,
    ) -> None:
        """`floors`: how many each site has. `before`: the rings that these follow; what stays is not drawn again."""
        held = before.by_zone if before is not None else {}
        rings = [
            ring
            if (ring := held.get((zone.key, within_m))) is not None and ring.drawn_of is zone
            else _ring(zone, within_m)
            for zone, within_m in wanted
        ]
        self._rings = sorted(rings, key=attrgetter("key"))
        self.by_zone: Mapping[tuple[ZoneKey, int], Ring] = {
            (ring.around, ring.within_m): ring for ring in self._rings
        }
        self.by_key: Mapping[str, Ring] = {ring.key: ring for ring in self._rings}
        # Tells one set of rings from another: whoever is found near by a new one need not have come near.
        self.digest = crc32("\n".join(self.by_key).encode()) if self.by_key else 0
        self._floors = floors or {}
        if not self._rings:
            return
        self.grounds = self._drawn(before)
        self._within_m = np.array([float(ring.within_m) for ring in self._rings])
        self._leaving_m = self._within_m + np.maximum(LEAVING_M, LEAVING_SHARE * self._within_m)
        self._radii_m = self._leaving_m + self.grounds.radii_m
        self._halves_m = self._leaving_m + self.grounds.halves_m
        self._no_place_m = NO_PLACE * float(self._halves_m.max())
        boxes, self._ring_of_box = self._boxes()
        self._tree = shapely.STRtree(boxes)
        self._tree.query(
            boxes[:1]
        )  # GEOS builds it at the first question, which two threads must not ask at once

    def __bool__(self) -> bool:
        return bool(self._rings)

    def nearness(self, located: Sequence[Located]) -> list[tuple[Near, ...] | None]:
        """For each place, the rings that it may be in, those of the shortest distance first.

        None for what is no place, or too coarse a one to say of any ring whether one is in there.
        """
        found: list[tuple[Near, ...] | None] = [None if one.longitude is None else () for one in located]
        if not self._rings:
            return found
        placed = [(number, one) for number, one in enumerate(located) if one.longitude is not None]
        for number, one in placed:
            if (one.accuracy_m or 0.0) > self._no_place_m:
                found[number] = None
        placed = [(number, one) for number, one in placed if found[number] is not None]
        if not placed:
            return found
        fixes = np.array([(one.longitude, one.latitude, one.accuracy_m) for _, one in placed])
        place, ring = self._candidates(fixes)
        if not place.size:
            return found
        some: dict[int, list[Near]] = {}
        for which, near in zip(place.tolist(), self._shares(fixes, place, ring), strict=True):
            number, one = placed[which]
            some.setdefault(number, []).append(self._by_floor(near, one))
        for number, several in some.items():
            found[number] = tuple(sorted(several, key=lambda near: (near.ring.within_m, near.ring.key)))
        return found

    def _drawn(self, before: "Rings | None") -> Grounds:
        """The ground of each, taken over where the zone is still drawn as before."""
        if not before:
            return Grounds.of([ring.drawn_of for ring in self._rings])
        held = before.by_zone
        numbers = {id(ring): number for number, ring in enumerate(before.by_zone.values())}
        places = [
            numbers[id(known)]
            if (known := held.get((ring.around, ring.within_m))) is not None
            and known.drawn_of.geometry is ring.drawn_of.geometry
            else -1
            for ring in self._rings
        ]
        new = [ring.drawn_of for ring, place in zip(self._rings, places, strict=True) if place < 0]
        return before.grounds.with_new(places, new)

    def _boxes(self) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
        """In degrees, around all that is nearer than a ring's leaving distance.

        Again where 180 degrees lie between a ring and some fix that may reach it.
        """
        furthest_m = SPREAD_REACH * self._no_place_m
        west, south, east, north = self.grounds.bounds.T
        # A hundredth more: a degree of latitude is up to 0.6 % shorter than that of the mean radius.
        up = 1.01 * self._leaving_m / METRES_PER_DEGREE
        furthest = np.minimum(89.0, np.maximum(np.abs(south), np.abs(north)) + up)
        across = up / np.cos(np.radians(furthest))
        reach = across * (1 + furthest_m / self._leaving_m)
        boxes: list[NDArray[np.object_]] = []
        numbers: list[NDArray[np.intp]] = []
        for turn in (-360.0, 0.0, 360.0):
            some = np.flatnonzero((west - reach + turn <= 180.0) & (east + reach + turn >= -180.0))
            from_west, to_east = (west - across)[some] + turn, (east + across)[some] + turn
            boxes.append(shapely.box(from_west, (south - up)[some], to_east, (north + up)[some]))
            numbers.append(some)
        return np.concatenate(boxes), np.concatenate(numbers)

    def _candidates(self, fixes: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs (fix, ring) where the fix's spread may reach the ring."""
        up = 1.01 * float(np.abs(SPREAD).max()) * fixes[:, 2] / METRES_PER_DEGREE
        across = up / np.maximum(0.01, np.cos(np.radians(fixes[:, 1])))
        boxes = shapely.box(fixes[:, 0] - across, fixes[:, 1] - up, fixes[:, 0] + across, fixes[:, 1] + up)
        place, box = self._tree.query(boxes)
        pairs = np.unique(place * len(self._rings) + self._ring_of_box[box])
        return np.divmod(pairs, len(self._rings))

    def _shares(
        self, fixes: NDArray[np.float64], place: NDArray[np.intp], ring: NDArray[np.intp]
    ) -> list[Near]:
        """Of each fix's points of equal weight (`SPREAD`), the share within the ring."""
        away = in_space(fixes[:, :2])[place] - self.grounds.origins[ring]
        middles = np.einsum("pij,pj->pi", self.grounds.axes[ring], away)
        spread = _Spread(middles, fixes[place, 2], self.grounds.shapes[ring], self._halves_m[ring])
        shares, wider = spread.within(self._within_m[ring]), spread.within(self._leaving_m[ring])
        vague = spread.accuracies_m > self._radii_m[ring]
        if vague.any():
            vague &= spread.reach(self._leaving_m[ring] + spread.accuracies_m)
        rows = zip(ring.tolist(), shares.tolist(), wider.tolist(), vague.tolist(), strict=True)
        return [Near(self._rings[number], *row) for number, *row in rows]

    def _by_floor(self, near: Near, located: Located) -> Near:
        """A zone on a floor is neared on that floor; where that is unknown, for sure only if there is no other."""
        probability = located.probability(near.ring.around)
        if probability > near.share:  # by its zones it is in there, though the middle of its belief is not
            near = near._replace(share=probability, wider=max(near.wider, probability))
        floor = near.ring.zone.floor
        if floor is None or floor == located.floor:
            return near
        if located.floor is not None:
            return Near(near.ring, 0.0, 0.0, vague=False)
        if self._floors.get(near.ring.zone.site, 0) <= 1:
            return near
        return near._replace(share=near.share * UNKNOWN_FLOOR_SHARE, wider=near.wider * UNKNOWN_FLOOR_SHARE)


def _ring(zone: Zone, within_m: int) -> Ring:
    key = ring_key(zone.key, within_m)
    # Confirmation, dwelling and hold are the zone's own affair and not its ring's.
    own = replace(zone, key=ZoneKey(key), dwell_s=(), enter_confirm=None, exit_hold_s=HOLD_S)
    return Ring(key, zone.key, within_m, own, zone)
