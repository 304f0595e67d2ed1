"""Which regions a phone should let its system watch from where it is, so that the app is woken at a site.

iOS watches 20 regions for an app and Android 100, of two kinds: beacons by uuid (and major, and minor), and circles.
A region wakes the app and tells nothing else, so the fewer a site needs the more sites are watched.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from beacon_service.geo import METRES_PER_DEGREE, distance_m
from beacon_service.zones.catalogue import Places
from beacon_service.zones.model import Beacon, SiteId

# What iOS monitors for one app.
MOST_REGIONS = 20
# A site with more majors would crowd out its neighbours: the uuid does for it.
MOST_MAJORS = 4
# Both systems place a phone at rest by masts and Wi-Fi: a smaller circle is entered late or not at all.
LEAST_RADIUS_M = 100
# How far a phone may go before it asks again: less would be asked by everybody in town, more is another country.
NEXT_CHECKS_M = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000)

# (west, south, east, north) in degrees
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class BeaconRegion:
    """All iBeacons of a uuid, or those of them with this major, or this major and minor."""

    uuid: str
    major: int | None = None
    minor: int | None = None

    @property
    def identifier(self) -> str:
        numbers = [str(number) for number in (self.major, self.minor) if number is not None]
        return ":".join(["beacon", self.uuid, *numbers])


@dataclass(frozen=True, slots=True)
class CircleRegion:
    """A circle around an outdoor zone ("circle:shop/square") or what a site has indoors ("circle:shop")."""

    identifier: str
    longitude: float
    latitude: float
    radius_m: int

    def holds(self, other: "CircleRegion") -> bool:
        apart_m = distance_m(self.longitude, self.latitude, other.longitude, other.latitude)
        return apart_m + other.radius_m <= self.radius_m


Region: TypeAlias = BeaconRegion | CircleRegion


@dataclass(frozen=True, slots=True)
class SiteRegions:
    """What wakes an app at one site. `finer`: levels of narrower regions, each of use only as a whole."""

    site: SiteId
    around: CircleRegion
    regions: tuple[Region, ...]
    finer: tuple[tuple[BeaconRegion, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Nearby:
    regions: tuple[Region, ...]
    next_check_after_m: int  # so far the phone may go before this list may be another


def nearby(sites: Iterable[SiteRegions], longitude: float, latitude: float) -> Nearby:
    """At most 20 regions, those of the nearest site first; `sites` as `survey` answers them.

    What places are left goes to narrower regions of the nearest site: each wakes the app once more on the way
    through it.
    """
    ranked = sorted((_distance_m(one.around, longitude, latitude), one.site, one) for one in sites)
    distances_m = [far_m for far_m, *_ in ranked]
    listed: dict[str, Region] = {}
    for rank, (*_, one) in enumerate(ranked):
        whole = len(listed)
        listed |= {region.identifier: region for region in one.regions}
        if len(listed) > MOST_REGIONS:
            kept = tuple(listed.values())[:MOST_REGIONS]
            # A site of which some are listed may change places with the one before and with the one behind it.
            ends = (rank - 1, rank) if whole < MOST_REGIONS else (rank - 1,)
            return Nearby(kept, _next_check(min(_margin_m(distances_m, end) for end in ends)))
    finer = _that_fit(listed, ranked[0][2].finer if ranked else ())
    return Nearby((*listed.values(), *finer), _next_check(_margin_m(distances_m, 0 if finer else -1)))


def survey(places: Places) -> tuple[SiteRegions, ...]:
    """The regions of every site that has any, by site; the same for everybody, until the catalogue changes."""
    majors = _majors(places)
    extents = _extents(places)
    return tuple(
        _of_site(site, extent, majors) for site, extent in sorted(extents.items()) if extent.is_anywhere
    )


@dataclass(slots=True)
class _Extent:
    """Where a site is, and who is there."""

    indoors: list[Box] = field(default_factory=list)
    outdoors: list[tuple[str, Box]] = field(default_factory=list)  # zones, but for sensitive ones
    beacons: list[Beacon] = field(default_factory=list)  # in use

    @property
    def is_anywhere(self) -> bool:
        return bool(self.indoors or self.outdoors)


def _extents(places: Places) -> Mapping[SiteId, _Extent]:
    extents: dict[SiteId, _Extent] = defaultdict(_Extent)
    for zone in places.zones.values():
        if zone.floor is not None:
            extents[zone.site].indoors.append(zone.geometry.bounds)
        elif not zone.sensitive:  # a phone is told of no place that it should forget
            extents[zone.site].outdoors.append((zone.key, zone.geometry.bounds))
    for floor in places.floors.values():
        if floor.outline is not None:
            extents[floor.site].indoors.append(floor.outline.bounds)
    for beacon, active, _ in places.beacons.values():
        if active:
            here = (beacon.longitude, beacon.latitude, beacon.longitude, beacon.latitude)
            extents[beacon.site].indoors.append(here)
            extents[beacon.site].beacons.append(beacon)
    return extents


# uuid -> major -> the sites that transmit it
_Majors: TypeAlias = Mapping[str, Mapping[int, set[SiteId]]]


def _majors(places: Places) -> _Majors:
    """Of whatever transmits: a beacon in quarantine wakes phones as well as any."""
    majors: dict[str, dict[int, set[SiteId]]] = defaultdict(lambda: defaultdict(set))
    for beacon, _, transmits in places.beacons.values():
        if transmits:
            for uuid, major, _ in _ibeacons(beacon):
                majors[uuid][major].add(beacon.site)
    return majors


def _ibeacons(beacon: Beacon) -> Iterator[tuple[str, int, int]]:
    for identity in beacon.identities:
        kind, *parts = identity.split(":")
        if kind == "ibeacon":
            uuid, major, minor = parts
            yield uuid, int(major), int(minor)


def _of_site(site: SiteId, extent: _Extent, majors: _Majors) -> SiteRegions:
    outdoors = [box for _, box in extent.outdoors]
    heard = sorted({ibeacon for beacon in extent.beacons for ibeacon in _ibeacons(beacon)})
    kept = tuple(_coarse(site, heard, majors))
    return SiteRegions(
        site=site,
        around=_circle(f"circle:{site}", [*extent.indoors, *outdoors]),
        regions=(*kept, *_circles(site, extent, by_beacon=bool(kept))),
        finer=_finer(heard, set(kept)),
    )


def _coarse(site: SiteId, heard: Sequence[tuple[str, int, int]], majors: _Majors) -> Iterator[BeaconRegion]:
    """Each uuid alone, or with its majors where these tell the site from others that have the uuid."""
    for uuid in sorted({uuid for uuid, *_ in heard}):
        own = sorted({major for known, major, _ in heard if known == uuid})
        everywhere = set().union(*majors[uuid].values())
        tell_apart = everywhere != {site} and all(majors[uuid][major] != everywhere for major in own)
        if tell_apart and len(own) <= MOST_MAJORS:
            yield from (BeaconRegion(uuid, major) for major in own)
        else:
            yield BeaconRegion(uuid)


def _finer(
    heard: Sequence[tuple[str, int, int]], coarse: set[BeaconRegion]
) -> tuple[tuple[BeaconRegion, ...], ...]:
    """By major, then by minor; a level that says the same as the one before is none."""
    by_major = {BeaconRegion(uuid, major) for uuid, major, _ in heard}
    by_minor = {BeaconRegion(uuid, major, minor) for uuid, major, minor in heard}
    levels: list[tuple[BeaconRegion, ...]] = []
    known = len(coarse)
    for level in (by_major - coarse, by_minor):
        if len(level) > known:
            levels.append(tuple(sorted(level, key=lambda one: (one.uuid, one.major or 0, one.minor or 0))))
            known = len(level)
    return tuple(levels)


def _circles(site: SiteId, extent: _Extent, *, by_beacon: bool) -> Iterator[CircleRegion]:
    """Around each outdoor zone, and around what is indoors where no beacon wakes; none within another."""
    circles = [_circle(f"circle:{key}", [box]) for key, box in extent.outdoors]
    if extent.indoors and not by_beacon:
        circles.append(_circle(f"circle:{site}", extent.indoors))
    circles.sort(key=lambda one: (-one.radius_m, one.identifier))
    latitudes, radii_m = np.array([(one.latitude, one.radius_m) for one in circles]).reshape(-1, 2).T
    for number, circle in enumerate(circles):
        # Those that lie too far north or south cannot hold it; of a thousand shops that leaves a few to be asked.
        least_m = 0.99 * METRES_PER_DEGREE * np.abs(latitudes[:number] - circle.latitude)
        near = np.flatnonzero(least_m <= radii_m[:number] - circle.radius_m)
        if not any(circles[larger].holds(circle) for larger in near.tolist()):
            yield circle


def _circle(identifier: str, boxes: Sequence[Box]) -> CircleRegion:
    """Around the box that holds all of them; across the antimeridian the short way."""
    origin = boxes[0][0]
    steps = [(_short_way(west - origin), _short_way(east - origin)) for west, _, east, _ in boxes]
    west, east = min(step for step, _ in steps), max(step for _, step in steps)
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    longitude, latitude = _short_way(origin + (west + east) / 2), (south + north) / 2
    reach_m = max(
        distance_m(longitude, latitude, origin + east, corner) for corner in (south, north)
    )  # the box is symmetrical about its middle
    radius_m = max(LEAST_RADIUS_M, math.ceil(reach_m))
    return CircleRegion(identifier, round(longitude, 6), round(latitude, 6), radius_m)


def _short_way(degrees: float) -> float:
    return (degrees + 180.0) % 360.0 - 180.0


def _distance_m(around: CircleRegion, longitude: float, latitude: float) -> float:
    """To the site's edge; 0 within it."""
    apart_m = distance_m(around.longitude, around.latitude, longitude, latitude)
    return max(0.0, apart_m - around.radius_m)


def _margin_m(distances_m: Sequence[float], rank: int) -> float:
    """How far one may go until the site of this rank and the next one can change places."""
    if not 0 <= rank < len(distances_m) - 1:
        return math.inf
    return (distances_m[rank + 1] - distances_m[rank]) / 2


def _that_fit(
    listed: Mapping[str, Region], finer: Sequence[Sequence[BeaconRegion]]
) -> tuple[BeaconRegion, ...]:
    fitting: list[BeaconRegion] = []
    for level in finer:
        new = [region for region in level if region.identifier not in listed]
        if len(listed) + len(fitting) + len(new) > MOST_REGIONS:
            break
        fitting += new
    return tuple(fitting)


def _next_check(margin_m: float) -> int:
    """Rounded down to a step, so that answers repeat: 700 m: 500, 3.9 km: 2 km; never less than the first."""
    steps = [step for step in NEXT_CHECKS_M if step <= margin_m]
    return steps[-1] if steps else NEXT_CHECKS_M[0]
