"""Draws a site from a plan in metres: a person can read metres, the service and the walkers take degrees.

Boxes are (west, south, east, north) in metres from the plan's south-west corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from beacon_service.geo import degrees
from simulators.venue import Venue

Box = tuple[float, float, float, float]
Point = tuple[float, float]

TX_POWER_DBM = -59  # at 1 m: what most iBeacons ship with
GLASS_DB = 2.0  # a shop's window front: between nothing and a light wall
LIGHT_WALL_DB = 3.4  # COST 231, final report, 4.7: plasterboard and the like
HEAVY_WALL_DB = 6.9  # the same: brick, concrete, and the outer walls
SHELF_DB = 3.4  # goods on steel, as much as a light wall
OPEN = [{"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "opens": "09:00", "closes": "21:00"}]


@dataclass(slots=True)
class Drawing:
    id: str
    name: str
    origin: Point  # longitude and latitude of the plan's south-west corner
    uuid: str  # that all its beacons advertise
    time_zone: str = "Europe/Amsterdam"
    hours: list[dict[str, Any]] = field(default_factory=lambda: list(OPEN))
    floors: dict[str, dict[str, Any]] = field(default_factory=dict)
    zones: list[dict[str, Any]] = field(default_factory=list)
    beacons: list[dict[str, Any]] = field(default_factory=list)
    walls: list[dict[str, Any]] = field(default_factory=list)

    def floor(self, floor: str, name: str, level: int, box: Box) -> None:
        self.floors[floor] = {"name": name, "level": level, "outline": self._box(box)}

    def zone(self, zone: str, name: str, floor: str | None, box: Box, tags: Sequence[str]) -> None:
        placed = {"floor": floor} if floor else {}
        properties = {"name": name, **placed, "tags": list(tags)}
        self.zones.append(_feature(zone, self._box(box), properties))

    def block(self, floor: str, box: Box, loss_db: float = SHELF_DB) -> None:
        """What nobody walks through: a shelf, a counter, a core."""
        self.walls.append(_feature(None, self._box(box), {"floor": floor, "loss_db": loss_db}))

    def wall(self, floor: str, start: Point, end: Point, loss_db: float) -> None:
        line = {"type": "LineString", "coordinates": [self._place(start), self._place(end)]}
        self.walls.append(_feature(None, line, {"floor": floor, "loss_db": loss_db}))

    def beacon(self, floor: str, spot: Point) -> None:
        """An address that stays for life and an iBeacon identity; `major` is by floor, `minor` counts."""
        level, number = self.floors[floor]["level"], len(self.beacons) + 1
        identities = [
            {"type": "ibeacon", "uuid": self.uuid, "major": level + 1, "minor": number},
            {"type": "mac", "mac": f"ac:23:3f:b0:{number // 256:02x}:{number % 256:02x}"},
        ]
        properties = {
            "floor": floor,
            "identities": identities,
            "tx_power_dbm": TX_POWER_DBM,
            "status": "active",
        }
        point = {"type": "Point", "coordinates": self._place(spot)}
        self.beacons.append(_feature(f"{self.id}-b{number:03d}", point, properties))

    def venue(self) -> Venue:
        return Venue(
            id=self.id,
            name=self.name,
            time_zone=self.time_zone,
            floors=self.floors,
            zones=collection(self.zones),
            beacons=collection(self.beacons),
            hours=tuple(self.hours),
            walls=collection(self.walls),
        )

    def _place(self, point: Point) -> list[float]:
        """Eight decimals of a degree are a millimetre."""
        east, north = degrees(*point, self.origin[1])
        return [round(self.origin[0] + east, 8), round(self.origin[1] + north, 8)]

    def _box(self, box: Box) -> dict[str, Any]:
        west, south, east, north = box
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        return {"type": "Polygon", "coordinates": [[self._place(corner) for corner in corners]]}


def collection(features: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def _feature(name: str | None, geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    named = {"id": name} if name else {}
    return {"type": "Feature", **named, "geometry": geometry, "properties": properties}
