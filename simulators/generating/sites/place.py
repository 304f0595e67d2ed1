"""A site as walkers and radio see it: metres, walls, and what each zone is for.

x goes east and y north, from the south-west corner of all floors. Where a site says nothing of its walls, doors and
stairs they are guessed, sensibly and aloud: `Place.guesses` are sentences.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from beacon_service.geo import METRES_PER_DEGREE
from beacon_service.zones.geometry import footprint
from beacon_service.zones.identities import identity_text
from simulators.generating.sites.files import SiteError
from simulators.generating.sites.roles import Role, role_of
from simulators.generating.sites.walls import Walls, drawn_walls, guessed_walls
from simulators.venue import Venue

Floats = NDArray[np.float64]

# A zone that covers so much of its floor is the floor itself, and nobody's destination.
WHOLE_FLOOR_SHARE = 0.8
# A zone that holds so much of another is not stopped in; the inner one is.
HOLDS_SHARE = 0.9
# Of a floor: the ways between n spots are worked out in n cubed steps.
MOST_GOALS = 300


@dataclass(frozen=True, slots=True)
class Frame:
    """Metres beside degrees, good for a site; degrees are told with eight decimals, a millimetre."""

    longitude: float
    latitude: float

    @property
    def _east_m(self) -> float:
        return METRES_PER_DEGREE * max(0.01, math.cos(math.radians(self.latitude)))

    def metres(self, degrees: Floats) -> Floats:
        """Points as rows of longitude and latitude, as x and y."""
        scale = (self._east_m, METRES_PER_DEGREE)
        return np.asarray((degrees - (self.longitude, self.latitude)) * scale, dtype=np.float64)

    def degrees(self, metres: Floats) -> Floats:
        scale = (self._east_m, METRES_PER_DEGREE)
        return np.asarray(np.round(metres / scale + (self.longitude, self.latitude), 8), dtype=np.float64)

    def shape_m(self, shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, self.metres)


@dataclass(frozen=True, slots=True)
class Zone:
    """`drawn` is in degrees as the file has it, `shape` in metres."""

    id: str
    name: str
    role: Role
    tags: tuple[str, ...]
    drawn: shapely.Geometry
    shape: shapely.Geometry


@dataclass(frozen=True, slots=True)
class Storey:
    """A floor: its ground, its walls, its zones, and those of them that people go to."""

    id: str
    level: int
    ground: shapely.Geometry
    walls: Walls
    zones: tuple[Zone, ...]
    goals: tuple[Zone, ...]

    def of(self, role: Role) -> tuple[Zone, ...]:
        return tuple(zone for zone in self.zones if zone.role is role)


@dataclass(frozen=True, slots=True)
class Hung:
    """A beacon: `storey` counts floors from the lowest, `identities` are as its feature has them."""

    id: str
    storey: int
    x: float
    y: float
    identities: Mapping[str, Mapping[str, Any]]
    told_dbm: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """`storeys` from the lowest upwards; `geofences` lie outdoors or on every floor."""

    id: str
    time_zone: str
    hours: tuple[Mapping[str, Any], ...]
    frame: Frame
    storeys: tuple[Storey, ...]
    geofences: tuple[Zone, ...]
    beacons: tuple[Hung, ...]
    guesses: tuple[str, ...]


def place_of(venue: Venue) -> Place:
    """Raises SiteError where there is nothing to walk on."""
    outlines = {floor: footprint(body["outline"]) for floor, body in venue.floors.items()}
    west, south, _, _ = shapely.total_bounds(list(outlines.values()))
    frame = Frame(float(west), float(south))
    guesses: list[str] = []
    order = venue.floors_upward()
    storeys = tuple(_storey(venue, floor, frame.shape_m(outlines[floor]), frame, guesses) for floor in order)
    if not any(storey.goals for storey in storeys):
        raise SiteError(f"nothing in {venue.id} is to be visited: it has no zone on a floor but whole floors")
    return Place(
        id=venue.id,
        time_zone=venue.time_zone,
        hours=venue.hours,
        frame=frame,
        storeys=storeys,
        geofences=_zones(venue, None, frame),
        beacons=tuple(_hung(venue, frame, order)),
        guesses=tuple(guesses),
    )


def _storey(venue: Venue, floor: str, outline: shapely.Geometry, frame: Frame, guesses: list[str]) -> Storey:
    zones = _zones(venue, floor, frame)
    closed = [zone.shape for zone in zones if zone.role is Role.CLOSED]
    ground = outline.buffer(0).difference(shapely.union_all(closed)) if closed else outline.buffer(0)
    entrances = [zone.shape for zone in zones if zone.role is Role.ENTRANCE]
    if venue.walls is not None:
        walls = drawn_walls(venue.walls["features"], floor, frame.shape_m)
    else:
        walls = guessed_walls(ground, [zone.shape for zone in zones if zone.role is Role.SHOP])
        if walls.lines.size:
            guesses.append(f"{floor}: nobody drew walls; each shop has them, with a door where it is widest")
    return Storey(
        id=floor,
        level=int(venue.floors[floor]["level"]),
        ground=ground.difference(walls.blocks),
        walls=walls.with_outline(ground, entrances),
        zones=zones,
        goals=_visited(zones, ground.area, floor, guesses),
    )


def _zones(venue: Venue, floor: str | None, frame: Frame) -> tuple[Zone, ...]:
    """Smallest first: the first that holds a point is the deepest."""
    found = []
    for feature in venue.zones["features"]:
        properties = feature["properties"]
        if (properties.get("floor") or None) == floor:
            drawn = footprint(feature["geometry"], properties.get("radius_m"))
            name = str(feature.get("id") or properties.get("zone"))
            found.append(
                Zone(
                    id=name,
                    name=str(properties.get("name") or name),
                    role=role_of(properties),
                    tags=tuple(sorted(str(tag) for tag in properties.get("tags") or ())),
                    drawn=drawn,
                    shape=frame.shape_m(drawn),
                )
            )
    return tuple(sorted(found, key=lambda zone: (zone.drawn.area, zone.id)))


def _goals(zones: Sequence[Zone], floor_m2: float) -> Iterable[Zone]:
    """Where people stop: shops and what is browsed, but neither whole floors nor what only gathers others."""
    wanted = [
        zone
        for zone in zones
        if zone.role in {Role.SHOP, Role.BROWSED} and zone.shape.area < WHOLE_FLOOR_SHARE * floor_m2
    ]
    tree = shapely.STRtree([zone.shape for zone in wanted])
    for number, zone in enumerate(wanted):
        near = tree.query(zone.shape, predicate="intersects")
        inner = [wanted[each].shape for each in near if each < number]  # the smaller ones
        if not any(zone.shape.intersection(one).area >= HOLDS_SHARE * one.area for one in inner):
            yield zone


def _visited(zones: Sequence[Zone], floor_m2: float, floor: str, guesses: list[str]) -> tuple[Zone, ...]:
    """All of them, if a day is enough to work out the ways between."""
    goals = sorted(_goals(zones, floor_m2), key=lambda zone: (-zone.shape.area, zone.id))
    if len(goals) > MOST_GOALS:
        guesses.append(
            f"{floor}: people go to the {MOST_GOALS} largest of {len(goals)} zones, and pass the others"
        )
    return tuple(sorted(goals[:MOST_GOALS], key=lambda zone: (zone.drawn.area, zone.id)))


def _hung(venue: Venue, frame: Frame, order: Sequence[str]) -> Iterable[Hung]:
    """Those that transmit, quarantined ones too; one without a floor hangs on the one nearest the ground."""
    ground = min(range(len(order)), key=lambda each: abs(int(venue.floors[order[each]]["level"])))
    for number, feature in enumerate(venue.beacons["features"], start=1):
        properties = feature["properties"]
        if properties.get("status") == "retired":
            continue
        try:
            point = np.array([feature["geometry"]["coordinates"][:2]], dtype=np.float64)
            identities = {str(each["type"]): dict(each) for each in properties["identities"]}
            for kind, told in identities.items():
                identity_text(kind, told)
            x, y = frame.metres(point)[0]
            floor = properties.get("floor")
            storey = order.index(floor) if floor else ground
            told = properties.get("tx_power_dbm")
            told_dbm = None if told is None else float(told)
        except (KeyError, TypeError, ValueError) as error:
            raise SiteError(
                f"feature {number} of the beacons has no Point, no identities or a floor that is not there: {error}"
            ) from None
        yield Hung(str(feature.get("id", number)), storey, float(x), float(y), identities, told_dbm)
