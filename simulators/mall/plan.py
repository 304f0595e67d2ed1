"""The mall's plan in metres: three floors of 80 m x 60 m, alike but for their beacons.

60 +---+-------------+-----+-------------+---+    rows of eight shops, 8 m x 8 m each, back to back;
|   | shops       |     | shops       |   |    corridors of 4 m before them; a hall of 8 m through
|   | - corridor -|     |- corridor - |   |    the middle, open over all floors, with the stairs;
|   | shops       |     | shops       |   |    a corridor along the west and the east side
0 +---+-------------+-----+-------------+---+
0   4            36     44            76  80
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from beacon_service.geo import degrees

FLOORS = ("F1", "F2", "F3")
WIDTH_M, DEPTH_M = 80, 60
SHOP_M = 8
SHOPS_WEST_M = (4, 12, 20, 28, 44, 52, 60, 68)
# South edge of each row of shops, and whether the corridor is north of it.
SHOP_ROWS = ((0, True), (12, False), (20, True), (32, False), (40, True), (52, False))
CORRIDORS_M = (10, 30, 50)  # the middle lines of those from west to east, 4 m wide
CROSSINGS_M = (2, 40, 78)  # the middle lines of those from south to north
HALL_M = (36, 44)
HALL_PIECES = ((0, 12), (12, 26), (34, 48), (48, 60))  # and the stairs between
STAIRS = (40, 30)
SEGMENT_M = 16
DOOR_M = 3.0

BACK_WALL_DB = 6.0  # plasterboard with shelves on it
FRONT_DB = 2.0  # glass

ORIGIN_LONGITUDE, ORIGIN_LATITUDE = 4.72, 52.08  # a meadow


@dataclass(frozen=True, slots=True)
class Room:
    """What is a zone of its own: a shop, a piece of a corridor, the stairs."""

    id: str
    kind: str
    west: float
    south: float
    east: float
    north: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.west + self.east) / 2, (self.south + self.north) / 2

    def holds(self, x: float, y: float) -> bool:
        """Borders belong to the east and north, so that rooms side by side share no point."""
        return self.west <= x < self.east and self.south <= y < self.north


@dataclass(frozen=True, slots=True)
class Wall:
    """Along a line x = `at` or y = `at`, from one end to the other."""

    upright: bool
    at: float
    start: float
    end: float
    loss_db: float


def rooms() -> tuple[Room, ...]:
    """The rooms of one floor; they cover it without a gap."""
    return (*shops(), *corridors())


def shops() -> tuple[Room, ...]:
    corners = [(west, south) for south, _ in SHOP_ROWS for west in SHOPS_WEST_M]
    return tuple(
        Room(f"shop-{number:02d}", "shop", west, south, west + SHOP_M, south + SHOP_M)
        for number, (west, south) in enumerate(corners, start=1)
    )


def corridors() -> tuple[Room, ...]:
    pieces = [
        (west, y - 2, west + SEGMENT_M, y + 2)
        for y in CORRIDORS_M
        for west in (4, 4 + SEGMENT_M, 44, 44 + SEGMENT_M)
    ]
    pieces += [(x - 2, south, x + 2, south + 15) for x in (2, 78) for south in range(0, DEPTH_M, 15)]
    pieces += [(HALL_M[0], south, HALL_M[1], north) for south, north in HALL_PIECES]
    walked = [
        Room(f"corridor-{number:02d}", "corridor", *each) for number, each in enumerate(pieces, start=1)
    ]
    return (*walked, Room("stairs", "stairs", HALL_M[0], 26, HALL_M[1], 34))


def front_m(shop: Room) -> float:
    """The y of the shop's front, on its corridor."""
    return shop.north if dict(SHOP_ROWS)[int(shop.south)] else shop.south


def corridor_m(shop: Room) -> float:
    """The y of the middle of the corridor before the shop."""
    return min(CORRIDORS_M, key=lambda y: abs(y - front_m(shop)))


def walls() -> tuple[Wall, ...]:
    """Each once, although two shops share it: sides, backs, and fronts on both sides of the door."""
    found = {wall for shop in shops() for wall in _walls_of(shop)}
    return tuple(sorted(found, key=lambda wall: (wall.upright, wall.at, wall.start)))


def _walls_of(shop: Room) -> Iterator[Wall]:
    yield Wall(True, shop.west, shop.south, shop.north, BACK_WALL_DB)
    yield Wall(True, shop.east, shop.south, shop.north, BACK_WALL_DB)
    front = front_m(shop)
    back = shop.south if front == shop.north else shop.north
    yield Wall(False, back, shop.west, shop.east, BACK_WALL_DB)
    door = shop.centre[0]
    yield Wall(False, front, shop.west, door - DOOR_M / 2, FRONT_DB)
    yield Wall(False, front, door + DOOR_M / 2, shop.east, FRONT_DB)


ROOMS = rooms()
# All borders are on whole metres, so a square metre is in one room.
_ROOM_OF_METRE = {
    (x, y): next(room for room in ROOMS if room.holds(x, y)) for x in range(WIDTH_M) for y in range(DEPTH_M)
}


def room_at(x: float, y: float) -> Room:
    return _ROOM_OF_METRE[math.floor(x), math.floor(y)]


def zone_id(site: str, floor: str, room: Room) -> str:
    return f"{site}-{floor}-{room.id}"


def place(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a point of the plan."""
    east, north = degrees(x, y, ORIGIN_LATITUDE)
    return round(ORIGIN_LONGITUDE + east, 8), round(ORIGIN_LATITUDE + north, 8)
